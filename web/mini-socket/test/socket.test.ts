import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CLOSE_CONFIRM_MS, miniSocket } from '../src/socket'
import type { ConnectSocket, SocketTask, TaskClosing, TaskMessage } from '../src/socket'

/** The socket task of a phone, driven by the test. */
class FakeTask implements SocketTask {
  sent: string[] = []
  closed: unknown[] = []
  opened = () => {}
  told: (message: TaskMessage) => void = () => {}
  ended: (closing?: TaskClosing) => void = () => {}
  broke: (failure?: unknown) => void = () => {}
  refuse: unknown
  onOpen = (callback: () => void) => void (this.opened = callback)
  onMessage = (callback: (message: TaskMessage) => void) => void (this.told = callback)
  onClose = (callback: (closing?: TaskClosing) => void) => void (this.ended = callback)
  onError = (callback: (failure?: unknown) => void) => void (this.broke = callback)
  send({ data, fail }: { data: string; fail?: (failure?: unknown) => void }) {
    this.sent.push(data)
    if (this.refuse) fail?.(this.refuse)
  }
  close(options: unknown) {
    this.closed.push(options)
  }
}

function aSocket(protocols?: string | string[]) {
  const task = new FakeTask()
  const connect = vi.fn<ConnectSocket>(() => task)
  const Socket = miniSocket(connect)
  const socket = new Socket('wss://h/connection/websocket', protocols)
  const events: unknown[] = []
  socket.onopen = () => events.push('open')
  socket.onmessage = (event) => events.push(event.data)
  socket.onerror = () => events.push('error')
  socket.onclose = (event) => events.push([event.code, event.reason])
  return { task, connect, socket, events, Socket }
}

describe('the WebSocket face of a mini-program socket', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('asks for a task of its own and passes messages of both hosts', () => {
    const { task, connect, events } = aSocket()
    expect(connect.mock.calls[0]![0]).toMatchObject({ url: 'wss://h/connection/websocket', multiple: true })
    expect(connect.mock.calls[0]![0]).not.toHaveProperty('protocols')
    task.opened()
    task.told({ data: 'wechat' })
    task.told({ data: { data: 'alipay' } })
    expect(events).toEqual(['open', 'wechat', 'alipay'])
  })

  it('hands over the subprotocol', () => {
    const { connect } = aSocket('centrifuge-json')
    expect(connect.mock.calls[0]![0].protocols).toEqual(['centrifuge-json'])
  })

  it('throws on send before open, sends when open, is silent when closing', () => {
    const { task, socket } = aSocket()
    expect(() => socket.send('early')).toThrow('InvalidStateError')
    task.opened()
    socket.send('now')
    socket.close()
    socket.send('late')
    expect(task.sent).toEqual(['now'])
  })

  it('closes once, with what the host says, and nothing comes after', () => {
    const { task, socket, events } = aSocket()
    task.opened()
    task.ended({ code: 3001, reason: 'shutdown' })
    task.ended({ code: 1000 })
    task.broke()
    task.told({ data: 'ghost' })
    socket.close()
    expect(events).toEqual(['open', [3001, 'shutdown']])
    expect(socket.readyState).toBe(3)
  })

  it('reads a closing that lies one level deeper, or none at all', () => {
    const deep = aSocket()
    deep.task.ended({ data: { code: 3012, reason: 'no pong' } })
    expect(deep.events).toEqual([[3012, 'no pong']])
    const bare = aSocket()
    bare.task.ended()
    expect(bare.events).toEqual([[1006, '']])
  })

  it('an error is an error and one lost connection', () => {
    const { task, events } = aSocket()
    task.opened()
    task.broke('reset')
    task.ended({ code: 1006 })
    expect(events).toEqual(['open', 'error', [1006, '']])
  })

  it('a message that could not be sent is a lost connection', () => {
    const { task, socket, events } = aSocket()
    task.opened()
    task.refuse = new Error('suspended')
    socket.send('x')
    expect(events).toEqual(['open', 'error', [1006, '']])
  })

  it('a task that throws on sending is a lost connection, never an error of the caller', () => {
    const { task, socket, events } = aSocket()
    task.opened()
    task.send = () => {
      throw new Error('task is gone')
    }
    expect(() => socket.send('x')).not.toThrow()
    expect(events).toEqual(['open', 'error', [1006, '']])
  })

  it('reports a refused connection after the constructor, once', async () => {
    const { connect, events } = aSocket()
    connect.mock.calls[0]![0].fail?.('domain not allowed')
    connect.mock.calls[0]![0].fail?.('again')
    expect(events).toEqual([])
    await Promise.resolve()
    expect(events).toEqual(['error', [1006, '']])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('too many sockets')
      },
    ],
    ['gives nothing', () => undefined],
  ])('survives a host that %s', async (_, connect: () => undefined) => {
    const events: unknown[] = []
    const Socket = miniSocket(connect)
    const socket = new Socket('wss://h')
    socket.onclose = (event) => events.push(event.code)
    await Promise.resolve()
    expect(events).toEqual([1006])
  })

  it('confirms a close itself when the host forgets to, once', () => {
    const { task, socket, events } = aSocket()
    task.opened()
    socket.close(1000, 'bye')
    socket.close()
    expect(task.closed).toEqual([{ code: 1000, reason: 'bye' }])
    vi.advanceTimersByTime(CLOSE_CONFIRM_MS)
    task.ended({ code: 1000 })
    expect(events).toEqual(['open', [1000, 'bye']])
  })

  it('can be closed while still connecting, and then never opens', () => {
    const { task, socket, events } = aSocket()
    socket.close()
    task.opened()
    vi.advanceTimersByTime(CLOSE_CONFIRM_MS)
    expect(events).toEqual([[1000, '']])
  })
})
