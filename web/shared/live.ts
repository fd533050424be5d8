/**
 * One live connection, and any number of watched states on it.
 *
 * A watched state is loaded by GET, then followed from the position of that snapshot, so nothing falls between.
 * When the history no longer reaches back to where the page was, the state is loaded again: never silently wrong.
 */
import { Centrifuge, State, type Subscription } from 'centrifuge'
import { answers, emulationAt, watchWays, Ways, waysTo } from '../patient/src/realtime/ways'
import type { Position } from './contract'

export type Link = 'connecting' | 'connected' | 'refused'

const PERSONAL = 'user:#'
/** A server that refuses the token may be told another secret tomorrow; a screen keeps asking. */
const REFUSED_RETRY_SECONDS = 30
const RELOAD_FIRST_SECONDS = 1
const RELOAD_MOST_SECONDS = 20

export interface Watch<Snapshot extends { channel: string; position: Position }> {
  load: () => Promise<Snapshot>
  onSnapshot: (snapshot: Snapshot) => void
  onPublication: (data: unknown, offset: number | null) => void
  onFailure?: (error: unknown) => void
}

export interface Watched {
  /** Load the state again now, as after a day change. */
  reload: () => void
  stop: () => void
}

export class Live {
  private readonly client: Centrifuge
  private retry = 0
  private stopped = false

  /**
   * `token` null connects anonymously; a function is asked for one now, and again before it ends. `onLink` is told of
   * every change and once at the start.
   */
  constructor(
    token: string | (() => Promise<string>) | null,
    private readonly onLink: (link: Link) => void,
    origin: string = location.origin,
  ) {
    const ways = new Ways(waysTo(origin, token !== null), Date.now)
    this.client = new Centrifuge([ways], {
      ...opening(token),
      emulationEndpoint: emulationAt(origin),
      minReconnectDelay: 300,
    })
    watchWays(ways, this.client, () => answers(origin))
    this.client.on('connecting', () => onLink('connecting'))
    this.client.on('connected', () => onLink('connected'))
    this.client.on('disconnected', () => this.refused())
    onLink('connecting')
    this.client.connect()
  }

  watch<Snapshot extends { channel: string; position: Position }>(watch: Watch<Snapshot>): Watched {
    return new Following(this.client, watch)
  }

  /** Hear what the server gives this user by itself; what was missed is told by `connected`. */
  personal(hears: { connected: (recovered: boolean) => void; published: (data: unknown) => void }): void {
    this.client.on('subscribed', (ctx) => {
      if (ctx.channel.indexOf(PERSONAL) === 0) hears.connected(ctx.wasRecovering && ctx.recovered)
    })
    this.client.on('publication', (ctx) => {
      if (ctx.channel.indexOf(PERSONAL) === 0) hears.published(ctx.data)
    })
  }

  get connected(): boolean {
    return this.client.state === State.Connected
  }

  /** Call a method over the connection. Rejects as npm centrifuge does: `code`, `message`, `temporary`. */
  async call(method: string, data: unknown): Promise<unknown> {
    return (await this.client.rpc(method, data)).data
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.retry)
    this.client.disconnect()
  }

  private refused(): void {
    if (this.stopped) return
    this.onLink('refused')
    clearTimeout(this.retry)
    this.retry = window.setTimeout(() => this.client.connect(), REFUSED_RETRY_SECONDS * 1000)
  }
}

function opening(token: string | (() => Promise<string>) | null): {
  token?: string
  getToken?: () => Promise<string>
} {
  if (typeof token === 'function') return { getToken: token }
  return token ? { token } : {}
}

class Following<Snapshot extends { channel: string; position: Position }> implements Watched {
  private subscription: Subscription | null = null
  private timer = 0
  private wait = RELOAD_FIRST_SECONDS
  private loading = false
  private again = false
  private stopped = false

  constructor(
    private readonly client: Centrifuge,
    private readonly what: Watch<Snapshot>,
  ) {
    this.reload()
  }

  reload(): void {
    if (this.loading) {
      this.again = true
      return
    }
    clearTimeout(this.timer)
    void this.load()
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    if (this.subscription) {
      this.subscription.unsubscribe()
      this.client.removeSubscription(this.subscription)
      this.subscription = null
    }
  }

  private async load(): Promise<void> {
    this.loading = true
    try {
      const snapshot = await this.what.load()
      if (this.stopped) return
      this.wait = RELOAD_FIRST_SECONDS
      this.what.onSnapshot(snapshot)
      if (!this.subscription) this.subscribe(snapshot)
    } catch (error) {
      if (this.stopped) return
      this.what.onFailure?.(error)
      this.later()
    } finally {
      this.loading = false
    }
    if (this.again && !this.stopped) {
      this.again = false
      this.reload()
    }
  }

  /** Try again later, ever more rarely, never all screens at once. */
  private later(): void {
    const seconds = this.wait * (0.5 + Math.random() / 2)
    this.wait = Math.min(this.wait * 2, RELOAD_MOST_SECONDS)
    clearTimeout(this.timer)
    this.timer = window.setTimeout(() => this.reload(), seconds * 1000)
  }

  private subscribe(snapshot: Snapshot): void {
    const subscription = this.client.newSubscription(snapshot.channel, { since: snapshot.position })
    subscription.on('publication', (context) => this.what.onPublication(context.data, context.offset ?? null))
    subscription.on('subscribed', (context) => {
      if (context.wasRecovering && !context.recovered) this.reload()
    })
    subscription.on('unsubscribed', () => {
      if (this.stopped || this.subscription !== subscription) return
      // the server ended it for good: begin anew from a snapshot
      this.client.removeSubscription(subscription)
      this.subscription = null
      this.later()
    })
    this.subscription = subscription
    subscription.subscribe()
  }
}
