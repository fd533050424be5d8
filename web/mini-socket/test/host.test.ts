import { Centrifuge } from 'centrifuge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HIDDEN_MS, miniSockets, OPEN_MS, miniSocket, type MiniSockets, type TaskMessage } from '../src/index'
import { FakeHost, FakeServer } from './fake'

const sleeps = (ms: number) =>
  vi.spyOn(Date, 'now').mockImplementation(() => performance.timeOrigin + performance.now() + ms)

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 400) throw new Error('it never came to that')
    await new Promise((done) => setTimeout(done, 10))
  }
}

describe.each(['wx', 'my'] as const)('the stock client in a mini-program of %s', (kind) => {
  let server: FakeServer
  let host: FakeHost
  let sockets: MiniSockets
  let client: Centrifuge
  let heard: unknown[]

  beforeEach(async () => {
    server = new FakeServer()
    await server.started()
    host = new FakeHost(kind)
    sockets = miniSockets(host)
    heard = []
    client = new Centrifuge(server.url, {
      websocket: sockets.WebSocket,
      minReconnectDelay: 10,
      maxReconnectDelay: 50,
    })
    const news = client.newSubscription('news')
    news.on('publication', ({ data }) => heard.push(data))
    news.subscribe()
    client.connect()
    await new Promise<void>((ready) => void news.once('subscribed', () => ready()))
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    client.disconnect()
    sockets.stop()
    await server.close()
  })

  async function hears(): Promise<void> {
    server.publish(heard.length)
    const wanted = heard.length + 1
    await until(() => heard.length === wanted)
  }

  it('hears on after a short look elsewhere, over the same socket', async () => {
    host.hide()
    host.show()
    await hears()
    expect(server.connects).toBe(1)
  })

  it('misses nothing and hears nothing twice when the system took its socket while it slept', async () => {
    await hears()
    host.hide()
    host.killQuietly()
    server.publish('while asleep')
    server.publish('and more')
    sleeps(HIDDEN_MS)
    host.show()
    await until(() => heard.length === 3)
    await hears()
    expect(heard).toEqual([0, 'while asleep', 'and more', 3])
    expect(server.connects).toBe(2)
  })

  it('leaves a socket that only seems to live when the phone changes networks', async () => {
    host.killQuietly()
    server.publish('unheard')
    host.network('none')
    expect(server.connects).toBe(1)
    host.network('4g')
    await until(() => heard.length === 1)
    host.network('4g')
    await hears()
    expect(heard).toEqual(['unheard', 1])
    expect(server.connects).toBe(2)
  })

  it('sleeps and wakes many times over', async () => {
    for (let night = 1; night <= 5; night++) {
      host.hide()
      host.hide()
      host.killQuietly()
      server.publish(`night ${night}`)
      sleeps(night * HIDDEN_MS * 2)
      host.show()
      host.show()
      await until(() => heard.length === night)
    }
    expect(heard).toEqual([1, 2, 3, 4, 5].map((night) => `night ${night}`))
    expect(server.connects).toBe(6)
  })

  it('listens to the host no longer once it is stopped', () => {
    expect(host.listeners).toBe(3)
    sockets.stop()
    expect(host.listeners).toBe(0)
  })
})

describe('a socket by itself', () => {
  afterEach(() => void vi.useRealTimers())

  it('gives up what does not open, and closes what opens after that', () => {
    vi.useFakeTimers()
    let open = () => {}
    const closed: unknown[] = []
    const events: unknown[] = []
    const Socket = miniSocket(() => ({
      onOpen: (callback) => void (open = callback),
      onMessage: () => undefined,
      onClose: () => undefined,
      onError: () => undefined,
      send: () => undefined,
      close: (options) => void closed.push(options.reason),
    }))
    const socket = new Socket('wss://h')
    socket.onopen = () => events.push('open')
    socket.onclose = ({ code, reason }) => events.push([code, reason])
    vi.advanceTimersByTime(OPEN_MS)
    open()
    expect(events).toEqual([[1006, 'did not open in time']])
    expect(closed).toEqual(['did not open in time', 'too late'])
  })

  it('takes bytes of both hosts', () => {
    let tell: (message: TaskMessage) => void = () => undefined
    let open = () => {}
    const Socket = miniSocket(() => ({
      onOpen: (callback) => void (open = callback),
      onMessage: (callback) => void (tell = callback),
      onClose: () => undefined,
      onError: () => undefined,
      send: () => undefined,
      close: () => undefined,
    }))
    const socket = new Socket('wss://h')
    const heard: number[][] = []
    socket.onmessage = ({ data }) => heard.push([...new Uint8Array(data as ArrayBuffer)])
    open()
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    tell({ data: bytes.buffer })
    for (const length of [0, 1, 2, 3, 256]) {
      const part = bytes.slice(0, length)
      tell({ data: { data: Buffer.from(part).toString('base64'), isBuffer: true } })
      expect(heard.pop()).toEqual([...part])
    }
    expect(heard).toEqual([[...bytes]])
  })
})
