/**
 * The WebSocket face over a mini-program's socket task, so that npm centrifuge runs unmodified.
 *
 * `wx.connectSocket` and `my.connectSocket({multiple: true})` both give a task with onOpen, onMessage,
 * onClose and onError; they differ in how deep the payload lies and in what they forget to report. What
 * this class promises, whatever the platform does: `onclose` exactly once, nothing after it, and never a
 * callback before the constructor has returned.
 */

export interface SocketTask {
  onOpen(callback: () => void): void
  onMessage(callback: (message: TaskMessage) => void): void
  onClose(callback: (closing?: TaskClosing) => void): void
  onError(callback: (failure?: unknown) => void): void
  send(options: { data: string; fail?: (failure?: unknown) => void }): void
  close(options: { code?: number; reason?: string }): void
}

/** WeChat: `{data}`. Alipay: `{data: {data, isBuffer}}`. */
export type TaskMessage = { readonly data: string | { readonly data: string } }
/** WeChat: `{code, reason}`. Alipay: the same, or below `data`, or nothing. */
export type TaskClosing = {
  readonly code?: number
  readonly reason?: string
  readonly data?: { readonly code?: number; readonly reason?: string }
}

export type ConnectSocket = (options: {
  url: string
  protocols?: string[]
  /** Alipay only: give a task of our own instead of the one global socket. */
  multiple?: boolean
  fail?: (failure?: unknown) => void
}) => SocketTask | undefined

/** After `close()` the platform has this long to report the closing before we do. */
export const CLOSE_CONFIRM_MS = 1_000
const LOST = 1006
const BYE = 1000

/** Build the class to give to `new Centrifuge(url, {websocket})`. */
export function miniSocket(connect: ConnectSocket) {
  return class MiniSocket {
    static readonly CONNECTING = 0
    static readonly OPEN = 1
    static readonly CLOSING = 2
    static readonly CLOSED = 3

    readyState = MiniSocket.CONNECTING
    binaryType = 'arraybuffer'
    onopen: ((event: { type: 'open' }) => void) | null = null
    onmessage: ((event: { data: string }) => void) | null = null
    onerror: ((event: { error: unknown }) => void) | null = null
    onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null
    private task: SocketTask | undefined
    private confirm: ReturnType<typeof setTimeout> | undefined

    constructor(
      readonly url: string,
      protocols?: string | string[],
    ) {
      const fail = (failure?: unknown) => void Promise.resolve().then(() => this.fail(failure))
      const named =
        protocols === undefined || protocols.length === 0
          ? {}
          : { protocols: typeof protocols === 'string' ? [protocols] : protocols }
      try {
        this.task = connect({ url, ...named, multiple: true, fail })
      } catch (failure) {
        fail(failure)
        return
      }
      if (this.task === undefined) fail(new Error('no socket task'))
      else this.listen(this.task)
    }

    /** Throws before the socket is open, like a browser; is ignored once it is closing. */
    send(data: string): void {
      if (this.readyState === MiniSocket.CONNECTING) throw new Error('InvalidStateError: still connecting')
      if (this.readyState !== MiniSocket.OPEN) return
      try {
        this.task!.send({ data, fail: (failure) => this.fail(failure) })
      } catch (failure) {
        this.fail(failure) // a task that the host killed while the app was away may throw instead of telling
      }
    }

    close(code = BYE, reason = ''): void {
      if (this.readyState >= MiniSocket.CLOSING) return
      this.readyState = MiniSocket.CLOSING
      // Some versions never report a closing they were asked for, or one that came before opening.
      this.confirm = setTimeout(() => this.finish(code, reason), CLOSE_CONFIRM_MS)
      try {
        this.task?.close({ code, reason })
      } catch {
        this.finish(LOST, '')
      }
    }

    private listen(task: SocketTask): void {
      task.onOpen(() => {
        if (this.readyState !== MiniSocket.CONNECTING) return
        this.readyState = MiniSocket.OPEN
        this.onopen?.({ type: 'open' })
      })
      task.onMessage((message) => {
        if (this.readyState !== MiniSocket.OPEN) return
        this.onmessage?.({ data: typeof message.data === 'string' ? message.data : message.data.data })
      })
      task.onClose((closing) => {
        const told = closing?.data ?? closing
        this.finish(told?.code ?? LOST, told?.reason ?? '')
      })
      task.onError((failure) => this.fail(failure))
    }

    private fail(failure: unknown): void {
      if (this.readyState === MiniSocket.CLOSED) return
      this.onerror?.({ error: failure })
      this.finish(LOST, '')
    }

    private finish(code: number, reason: string): void {
      if (this.readyState === MiniSocket.CLOSED) return
      this.readyState = MiniSocket.CLOSED
      clearTimeout(this.confirm)
      this.onclose?.({ code, reason, wasClean: code !== LOST })
    }
  }
}
