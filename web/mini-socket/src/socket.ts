/**
 * The WebSocket face over a mini-program's socket task, so that npm centrifuge runs unmodified.
 *
 * `wx.connectSocket` and `my.connectSocket({multiple: true})` both give a task with onOpen, onMessage,
 * onClose and onError; they differ in how deep the payload lies and in what they forget to report. What
 * this class promises, whatever the platform does: `onclose` exactly once, nothing after it, never a
 * callback before the constructor has returned, and no socket that waits for ever to open.
 */

export interface SocketTask {
  onOpen(callback: () => void): void
  onMessage(callback: (message: TaskMessage) => void): void
  onClose(callback: (closing?: TaskClosing) => void): void
  onError(callback: (failure?: unknown) => void): void
  send(options: { data: string | ArrayBuffer; fail?: (failure?: unknown) => void }): void
  close(options: { code?: number; reason?: string }): void
}

/** WeChat: `{data}`. Alipay: `{data: {data, isBuffer}}`, and then bytes are base64. */
export type TaskMessage = {
  readonly data: string | ArrayBuffer | { readonly data: string | ArrayBuffer; readonly isBuffer?: boolean }
}
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
/** A socket that did not open in this time never will. */
export const OPEN_MS = 15_000
const LOST = 1006
const BYE = 1000

export interface MiniSocketFace {
  readonly url: string
  readonly readyState: number
  binaryType: string
  onopen: ((event: { type: 'open' }) => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onerror: ((event: { error: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
}

export interface MiniSocketClass {
  new (url: string, protocols?: string | string[]): MiniSocketFace
  /** End every socket of this class as lost. */
  drop(reason: string): void
  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3
}

export const now = (): number => Date.now()

/** Build the class to give to `new Centrifuge(url, {websocket})`. */
export function miniSocket(connect: ConnectSocket): MiniSocketClass {
  const living = new Set<MiniSocket>()

  class MiniSocket implements MiniSocketFace {
    static readonly CONNECTING = 0
    static readonly OPEN = 1
    static readonly CLOSING = 2
    static readonly CLOSED = 3

    static drop(reason: string): void {
      for (const each of living) each.lose(reason)
    }

    readyState: number = MiniSocket.CONNECTING
    binaryType = 'arraybuffer'
    onopen: MiniSocketFace['onopen'] = null
    onmessage: MiniSocketFace['onmessage'] = null
    onerror: MiniSocketFace['onerror'] = null
    onclose: MiniSocketFace['onclose'] = null
    private task: SocketTask | undefined
    private timer: ReturnType<typeof setTimeout> | undefined

    constructor(
      readonly url: string,
      protocols?: string | string[],
    ) {
      living.add(this)
      const fail = (failure?: unknown) => void Promise.resolve().then(() => this.fail(failure))
      const named =
        protocols === undefined || protocols.length === 0
          ? {}
          : { protocols: typeof protocols === 'string' ? [protocols] : protocols }
      this.timer = setTimeout(() => this.lose('did not open in time'), OPEN_MS)
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
    send(data: string | ArrayBuffer): void {
      if (this.readyState === MiniSocket.CONNECTING) throw new Error('InvalidStateError: still connecting')
      if (this.readyState !== MiniSocket.OPEN) return
      try {
        this.task!.send({ data, fail: (failure) => this.fail(failure) })
      } catch (failure) {
        this.fail(failure)
      }
    }

    close(code = BYE, reason = ''): void {
      if (this.readyState >= MiniSocket.CLOSING) return
      this.readyState = MiniSocket.CLOSING
      // Some versions never report a closing they were asked for, or one that came before opening.
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.finish(code, reason), CLOSE_CONFIRM_MS)
      try {
        this.task?.close({ code, reason })
      } catch {
        this.finish(LOST, '')
      }
    }

    /** It is over, whatever the platform believes. */
    lose(reason: string): void {
      if (this.readyState === MiniSocket.CLOSED) return
      const { task } = this
      this.finish(LOST, reason)
      try {
        task?.close({ code: BYE, reason })
      } catch {
        // A task that died with its program cannot be closed.
      }
    }

    private listen(task: SocketTask): void {
      task.onOpen(() => {
        if (this.readyState === MiniSocket.CLOSED) {
          // Opened after it was given up: nobody waits for it.
          task.close({ code: BYE, reason: 'too late' })
          return
        }
        if (this.readyState !== MiniSocket.CONNECTING) return
        clearTimeout(this.timer)
        this.readyState = MiniSocket.OPEN
        this.onopen?.({ type: 'open' })
      })
      task.onMessage((message) => {
        if (this.readyState !== MiniSocket.OPEN) return
        this.onmessage?.({ data: payload(message) })
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
      living.delete(this)
      clearTimeout(this.timer)
      this.onclose?.({ code, reason, wasClean: code !== LOST })
    }
  }

  return MiniSocket
}

function payload({ data }: TaskMessage): string | ArrayBuffer {
  if (typeof data === 'string' || data instanceof ArrayBuffer) return data
  if (data.isBuffer === true && typeof data.data === 'string') return bytesOf(data.data)
  return data.data
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64, which mini-programs have no function of the language for (RFC 4648 §4). */
function bytesOf(text: string): ArrayBuffer {
  const digits = text.replace(/=+$/, '')
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let held = 0
  let bits = 0
  let at = 0
  for (const digit of digits) {
    held = ((held << 6) | LETTERS.indexOf(digit)) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (held >> bits) & 0xff
    }
  }
  return bytes.buffer
}
