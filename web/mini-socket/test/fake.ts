/** A mini-program host with real sockets behind it, and a server that speaks the protocol and remembers. */
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import type { ConnectSocket, SocketTask, TaskClosing, TaskMessage } from '../src/index'

interface Network {
  isConnected: boolean
  networkType: string
}

/** `wx` or `my` as a phone has it: events by hand, sockets that the system ends without a word. */
export class FakeHost {
  readonly tasks: FakeTask[] = []
  private readonly hides = new Set<() => void>()
  private readonly shows = new Set<() => void>()
  private readonly changes = new Set<(network: Network) => void>()

  constructor(private readonly kind: 'wx' | 'my') {}

  connectSocket: ConnectSocket = ({ url, multiple, fail }) => {
    if (this.kind === 'my' && multiple !== true) {
      fail?.({ error: 2, errorMessage: 'only one socket' })
      return undefined
    }
    const task = new FakeTask(url, this.kind)
    this.tasks.push(task)
    return task
  }
  onAppHide = (listener: () => void) => void this.hides.add(listener)
  offAppHide = (listener: () => void) => void this.hides.delete(listener)
  onAppShow = (listener: () => void) => void this.shows.add(listener)
  offAppShow = (listener: () => void) => void this.shows.delete(listener)
  onNetworkStatusChange = (listener: (network: Network) => void) => void this.changes.add(listener)
  offNetworkStatusChange = (listener: (network: Network) => void) => void this.changes.delete(listener)

  get listeners(): number {
    return this.hides.size + this.shows.size + this.changes.size
  }
  hide(): void {
    for (const each of this.hides) each()
  }
  show(): void {
    for (const each of this.shows) each()
  }
  network(networkType: string): void {
    for (const each of this.changes) each({ isConnected: networkType !== 'none', networkType })
  }
  /** The system takes the sockets of a program that sleeps: nobody is told. */
  killQuietly(): void {
    for (const task of this.tasks) task.dieQuietly()
  }
}

class FakeTask implements SocketTask {
  private readonly socket: WebSocket
  private dead = false

  constructor(
    url: string,
    private readonly kind: 'wx' | 'my',
  ) {
    this.socket = new WebSocket(url)
    this.socket.on('error', () => undefined)
  }

  private unless<T extends unknown[]>(act: (...args: T) => void): (...args: T) => void {
    return (...args) => void (this.dead || act(...args))
  }
  onOpen(callback: () => void): void {
    this.socket.on('open', this.unless(callback))
  }
  onMessage(callback: (message: TaskMessage) => void): void {
    this.socket.on(
      'message',
      this.unless((bytes: Buffer) => {
        const data = bytes.toString()
        callback(this.kind === 'wx' ? { data } : { data: { data, isBuffer: false } })
      }),
    )
  }
  onClose(callback: (closing?: TaskClosing) => void): void {
    this.socket.on(
      'close',
      this.unless((code: number, reason: Buffer) => {
        const told = { code, reason: reason.toString() }
        callback(this.kind === 'wx' ? told : { data: told })
      }),
    )
  }
  onError(callback: (failure?: unknown) => void): void {
    this.socket.on('error', this.unless(callback))
  }
  send({ data }: { data: string | ArrayBuffer }): void {
    if (!this.dead) this.socket.send(data)
  }
  close({ code, reason }: { code?: number; reason?: string }): void {
    if (!this.dead) this.socket.close(code, reason)
  }
  dieQuietly(): void {
    this.dead = true
    this.socket.terminate()
  }
}

/** One channel with a history; what is missed is recovered. */
export class FakeServer {
  private readonly server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  private readonly history: { offset: number; data: unknown }[] = []
  private readonly subscribed = new Set<WebSocket>()
  /** How often somebody connected. */
  connects = 0

  constructor() {
    this.server.on('connection', (socket: WebSocket) => {
      socket.on('message', (bytes: Buffer) => {
        for (const line of String(bytes).split('\n')) this.answer(socket, JSON.parse(line))
      })
      socket.on('close', () => this.subscribed.delete(socket))
    })
  }
  /** Resolves when it can be asked. */
  async started(): Promise<void> {
    if (this.server.address() === null) await new Promise((ready) => this.server.once('listening', ready))
  }
  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
  publish(data: unknown): void {
    const publication = { offset: this.history.length + 1, data }
    this.history.push(publication)
    for (const socket of this.subscribed)
      socket.send(JSON.stringify({ push: { channel: 'news', pub: publication } }))
  }
  async close(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate()
    await new Promise((done) => this.server.close(done))
  }

  private answer(
    socket: WebSocket,
    {
      id,
      connect,
      subscribe,
    }: { id: number; connect?: object; subscribe?: { recover?: boolean; offset?: number } },
  ): void {
    const say = (reply: object) => socket.send(JSON.stringify({ id, ...reply }))
    if (connect) {
      this.connects += 1
      say({ connect: { client: `c${this.connects}`, version: 'fake', ping: 25, pong: true } })
    } else if (subscribe) {
      this.subscribed.add(socket)
      const base = { recoverable: true, positioned: true, epoch: 'e', offset: this.history.length }
      const missed = this.history.slice(subscribe.offset ?? 0)
      say({
        subscribe: subscribe.recover
          ? { ...base, was_recovering: true, recovered: true, publications: missed }
          : base,
      })
    }
  }
}
