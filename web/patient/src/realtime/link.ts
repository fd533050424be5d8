/**
 * The one realtime connection of the app: npm centrifuge behind the few verbs that a page needs.
 *
 * The connection opens with the first channel and closes with the last, so the list of lines costs no socket.
 * Somebody signed in is known to it by a token of the server; who is not, stays anonymous. When that changes the
 * channels move to a connection of the new kind.
 */
import { Centrifuge, State, UnauthorizedError } from 'centrifuge'
import type { DisconnectedContext, Subscription } from 'centrifuge'
import { Problem } from '../api/ask'
import { TOKEN_RETRY_MS } from '../limits'
import type { Channel, Listener, RealtimeLink } from '../queue/follow'
import type { Position } from '../queue/board'
import { answers, emulationAt, socketAt, watchWays, Ways, waysTo } from './ways'

export type SocketClass = new (url: string, protocols?: string | string[]) => unknown

export interface Identity {
  signedIn(): boolean
  /** A token for the socket. Rejects with `Problem` when the server gives none. */
  token(): Promise<string>
  /** The server did not take our token: look whether the session still stands. */
  doubt(): Promise<void>
}

export interface Hears {
  /** What the server gives this user is heard from now on; not recovered: something may have been missed. */
  connected(recovered: boolean): void
  published(data: unknown): void
  lost(): void
}

export interface PersonalLink extends RealtimeLink {
  /** Hear what is this user's; the connection stays open until what this answers is called. */
  personal(hears: Hears): () => void
  readonly connected: boolean
  /** Call a method. Rejects as npm centrifuge does: `code`, `message`, `temporary`. */
  call(method: string, data: unknown): Promise<unknown>
  /** Somebody signed in or out. */
  changed(): void
}

const NOBODY: Identity = {
  signedIn: () => false,
  token: () => Promise.reject(new UnauthorizedError('nobody')),
  doubt: () => Promise.resolve(),
}

const PERSONAL = 'user:#'
/** What the SDK says when it got no token, and what the server says of one it does not take. */
const UNAUTHORIZED = [1, 3500]

/** `websocket` is needed where the platform has none of its own; it is then the only way. */
export function centrifugeLink(
  origin: string,
  websocket: SocketClass | null,
  identity: Identity = NOBODY,
): PersonalLink {
  const open = new Set<Line>()
  const hearing = new Set<Hears>()
  let client = clientFor()

  function clientFor(): Centrifuge {
    const named = identity.signedIn()
    const ways = websocket === null ? new Ways(waysTo(origin, named), Date.now) : null
    const made = new Centrifuge(ways === null ? socketAt(origin) : [ways], {
      websocket,
      emulationEndpoint: emulationAt(origin),
      name: 'houzhen-patient',
      maxReconnectDelay: 10_000,
      ...(named ? { getToken: () => identity.token().catch(unauthorized) } : {}),
    })
    if (ways !== null) watchWays(ways, made, () => answers(origin))
    made.on('error', () => undefined) // every failure also changes a state; the state is what is shown
    if (named) made.on('disconnected', (why) => void doubted(made, why))
    made.on('subscribed', ({ channel, wasRecovering, recovered }) => {
      if (channel.startsWith(PERSONAL)) for (const each of hearing) each.connected(wasRecovering && recovered)
    })
    made.on('publication', ({ channel, data }) => {
      if (channel.startsWith(PERSONAL)) for (const each of hearing) each.published(data)
    })
    const lost = () => hearing.forEach((each) => each.lost())
    made.on('connecting', lost)
    made.on('disconnected', lost)
    return made
  }

  async function doubted(made: Centrifuge, { code }: DisconnectedContext): Promise<void> {
    if (!UNAUTHORIZED.includes(code) || made !== client) return
    await identity.doubt()
    // Still signed in: only that token was bad. Otherwise `changed` has made another client.
    if (made === client)
      setTimeout(() => made === client && open.size + hearing.size > 0 && reopen(), TOKEN_RETRY_MS)
  }

  function reopen(): void {
    const old = client
    for (const line of open) line.detach()
    old.removeAllListeners()
    old.disconnect()
    client = clientFor()
    for (const line of open) line.attach(client)
    if (hearing.size > 0) client.connect()
  }

  return {
    changed: reopen,
    personal(hears) {
      hearing.add(hears)
      client.connect()
      return () => {
        hearing.delete(hears)
        if (open.size + hearing.size === 0) client.disconnect()
      }
    },
    get connected() {
      return client.state === State.Connected
    },
    call: async (method, data) => (await client.rpc(method, data)).data as unknown,
    open(channel: string, since: Position | null, listener: Listener): Channel {
      const line = new Line(channel, since, listener)
      open.add(line)
      line.attach(client)
      return {
        rest: () => client.disconnect(),
        wake() {
          client.disconnect()
          client.connect()
          line.wake()
        },
        close() {
          line.detach()
          open.delete(line)
          if (open.size + hearing.size === 0) client.disconnect()
        },
      }
    },
  }
}

/** One channel that a page listens to, on whichever connection is the present one. */
class Line {
  private on: { client: Centrifuge; subscription: Subscription } | null = null

  constructor(
    private readonly channel: string,
    private readonly since: Position | null,
    private readonly listener: Listener,
  ) {}

  attach(client: Centrifuge): void {
    const from = this.since === null ? {} : { since: this.since, recoverable: true }
    const subscription = client.newSubscription(this.channel, from)
    this.on = { client, subscription }
    subscription.on('publication', (published) => this.listener.published(published.data))
    subscription.on('subscribed', (subscribed) => {
      this.listener.link('connected')
      this.listener.subscribed(subscribed.wasRecovering && !subscribed.recovered)
    })
    subscription.on('subscribing', () => this.listener.link('connecting'))
    subscription.on('error', () => undefined)
    client.on('disconnected', this.down)
    subscription.subscribe()
    client.connect()
  }

  wake(): void {
    this.on?.subscription.subscribe()
  }

  detach(): void {
    if (this.on === null) return
    const { client, subscription } = this.on
    this.on = null
    client.off('disconnected', this.down)
    subscription.removeAllListeners()
    subscription.unsubscribe()
    client.removeSubscription(subscription)
  }

  private readonly down = () => this.listener.link('connecting')
}

/** No session is for good; everything else the SDK tries again. */
function unauthorized(failure: unknown): never {
  if (failure instanceof Problem && failure.status === 401) throw new UnauthorizedError('no session')
  throw failure
}
