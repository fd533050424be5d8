/**
 * The ways to the server that a browser tries, best first: some networks let no WebSocket through.
 *
 * Server-Sent Events carry the token in the address, where proxies log it: whoever has a token is not offered them.
 * npm centrifuge alone would stay for good with the first way that opened, whichever it was.
 */
export interface Way {
  readonly transport: 'websocket' | 'http_stream' | 'sse'
  readonly endpoint: string
}

/** A socket that had opened gives way to a stream after so many failures in a row. */
export const SOCKET_TRIES = 3
/** Where a stream works, a socket is tried again no oftener than this. */
export const SOCKET_AGAIN_MS = 5 * 60_000

export const socketAt = (origin: string): string => `${origin.replace(/^http/, 'ws')}/connection/websocket`

export const emulationAt = (origin: string): string => `${origin}/emulation`

/** `named`: the connection will carry a token. */
export function waysTo(origin: string, named: boolean): Way[] {
  const ways: Way[] = [
    { transport: 'websocket', endpoint: socketAt(origin) },
    { transport: 'http_stream', endpoint: `${origin}/connection/http_stream` },
  ]
  return named ? ways : [...ways, { transport: 'sse', endpoint: `${origin}/connection/sse` }]
}

/**
 * Which way the next try takes. npm centrifuge is given this as its only way and reads it anew for every try.
 *
 * Until something opened each failure leads to the next way and, behind the last, to the first again. Where a stream opened, the next loss of it is the time to try a socket, unless one was tried
 * just before.
 */
export class Ways implements Way {
  private at = 0
  private failures = 0
  private socketOpened = false
  private socketTried: number

  constructor(
    private readonly ways: readonly Way[],
    private readonly now: () => number,
  ) {
    this.socketTried = now()
  }

  get transport(): Way['transport'] {
    return this.ways[this.at]!.transport
  }
  get endpoint(): string {
    return this.ways[this.at]!.endpoint
  }

  /** The server answered over the present way. */
  opened(): void {
    this.failures = 0
    if (this.at === 0) this.socketOpened = true
  }

  /** The present way did not open, or brought no answer. */
  failed(): void {
    this.failures += 1
    if (this.at === 0) this.socketTried = this.now()
    if (this.failures >= (this.at === 0 && this.socketOpened ? SOCKET_TRIES : 1))
      this.take((this.at + 1) % this.ways.length)
  }

  /** A connection that stood is gone; another will be tried. */
  lost(): void {
    if (this.at > 0 && this.now() - this.socketTried >= SOCKET_AGAIN_MS) this.take(0)
  }

  private take(at: number): void {
    this.at = at
    this.failures = 0
    this.socketOpened = false
    if (at === 0) this.socketTried = this.now()
  }
}

/** Whether whoever serves the page answers, whatever it says. Never rejects. */
export const answers = (origin: string): Promise<boolean> =>
  fetch(`${origin}/healthz`, { cache: 'no-store' }).then(
    ({ status }) => status < 500,
    () => false,
  )

/** What this needs of npm centrifuge. */
interface Client {
  on(event: 'connected' | 'connecting', hear: () => void): unknown
  on(event: 'error', hear: (about: { type: string; error: { code: number } }) => void): unknown
}

/** Codes from here on are answers of the server: it was reached. */
const OF_SERVER = 100

/**
 * Let the client's fortune choose its ways. `reached` says whether the server answers at all: while it is away no way is
 * to blame, and all that come back together should come back by sockets.
 */
export function watchWays(ways: Ways, client: Client, reached: () => Promise<boolean>): void {
  let stood = false
  client.on('connected', () => {
    stood = true
    ways.opened()
  })
  client.on('connecting', () => {
    if (stood) ways.lost()
    stood = false
  })
  client.on('error', ({ type, error }) => {
    if (type !== 'transport' && (type !== 'connect' || error.code >= OF_SERVER)) return
    if (ways.transport !== 'websocket') ways.failed()
    else void reached().then((yes) => yes && !stood && ways.transport === 'websocket' && ways.failed())
  })
}
