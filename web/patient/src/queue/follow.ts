/**
 * Following one line: snapshot first, then the channel from the snapshot's position, then whole boards.
 *
 * No clock, network or timer of its own: they come in as `Ports`. Promises: the board shown never goes
 * back (`replaces`), except when the server's history began anew; a gap that could not be recovered
 * reloads the snapshot; silence reloads it too, so a network without WebSocket still sees the line move.
 */
import { QUIET_MS, RELOAD_SPREAD_MS, RETRY_FIRST_MS, RETRY_LAST_MS } from '../limits'
import { readBoard, replaces } from './board'
import type { Board, LineFacts, Position, Snapshot } from './board'
import { skewOf } from './freshness'
import type { Heard, Link } from './freshness'

export interface Listener {
  published(data: unknown): void
  /** `missed`: something happened meanwhile that the channel cannot tell any more. */
  subscribed(missed: boolean): void
  link(state: 'connecting' | 'connected'): void
}

export interface Channel {
  rest(): void
  /** Open a new socket whatever is thought of the old one. */
  wake(): void
  close(): void
}

export interface RealtimeLink {
  /** `since` null: from now on; whoever listens looks up what came before. */
  open(channel: string, since: Position | null, listener: Listener): Channel
}

export interface Ports {
  /** Rejects with `NoSuchLine` when the server does not know the line, with anything else when unreachable. */
  load(line: string): Promise<Snapshot>
  readonly link: RealtimeLink
  now(): number
  /** Run once later; the answer cancels it. */
  later(milliseconds: number, act: () => void): () => void
  /** Between 0 and 1. */
  chance(): number
}

export class NoSuchLine extends Error {}

export interface View {
  readonly heard: Heard | null
  readonly facts: LineFacts | null
  readonly link: Link
  readonly failure: 'no_such_line' | 'unreachable' | null
}

export class LineFollower {
  private view: View = { heard: null, facts: null, link: 'connecting', failure: null }
  private channel: Channel | null = null
  private epoch = ''
  private loading = false
  private failures = 0
  private stopped = false
  private cancelTimer: () => void = () => undefined

  constructor(
    private readonly line: string,
    private readonly ports: Ports,
    private readonly onView: (view: View) => void,
  ) {}

  start(): void {
    void this.load()
  }

  /** The app is out of sight: give the socket back. */
  rest(): void {
    if (this.stopped) return
    this.cancelTimer()
    this.channel?.rest()
    this.show({ link: 'resting' })
  }

  /** The app is in sight again, or the network changed: connect anew and catch up. */
  wake(): void {
    if (this.stopped) return
    this.show({ link: 'connecting' })
    this.channel?.wake()
    if (this.channel === null) void this.load()
    else this.expectNews()
  }

  /** Ask the server now; the person pressed "try again". */
  reload(): void {
    void this.load()
  }

  stop(): void {
    this.stopped = true
    this.cancelTimer()
    this.channel?.close()
    this.channel = null
  }

  private async load(): Promise<void> {
    if (this.loading || this.stopped) return
    this.loading = true
    this.cancelTimer()
    try {
      const snapshot = await this.ports.load(this.line)
      if (!this.stopped) this.adopt(snapshot)
    } catch (failure) {
      if (!this.stopped) this.failed(failure)
    } finally {
      this.loading = false
    }
  }

  private adopt(snapshot: Snapshot): void {
    const now = this.ports.now()
    const begunAnew = this.epoch !== '' && this.epoch !== snapshot.position.epoch
    this.epoch = snapshot.position.epoch
    this.failures = 0
    const held = this.view.heard?.board ?? null
    const board = begunAnew || replaces(snapshot.board, held) ? snapshot.board : held!
    this.show({
      facts: snapshot.facts,
      failure: null,
      heard: { board, at: now, skew: skewOf(snapshot.serverTime, now) },
    })
    this.channel ??= this.ports.link.open(snapshot.channel, snapshot.position, this.listener())
    if (this.view.link === 'resting') this.channel.rest()
    else this.expectNews()
  }

  private failed(failure: unknown): void {
    if (failure instanceof NoSuchLine) {
      this.show({ failure: 'no_such_line' })
      return
    }
    this.show({ failure: 'unreachable' })
    const pause = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** this.failures++)
    if (this.view.link !== 'resting') this.after(pause * (0.5 + this.ports.chance() / 2), () => this.load())
  }

  private listener(): Listener {
    return {
      published: (data) => {
        const board = readBoard(data)
        if (board !== null && !this.stopped) this.hear(board)
      },
      subscribed: (missed) => {
        if (this.stopped) return
        if (missed) this.after(RELOAD_SPREAD_MS * this.ports.chance(), () => this.load())
        else if (this.view.heard) this.hear(this.view.heard.board)
      },
      link: (state) => {
        if (!this.stopped && this.view.link !== 'resting') this.show({ link: state })
      },
    }
  }

  private hear(board: Board): void {
    const heard = this.view.heard
    const newest = replaces(board, heard?.board ?? null) ? board : heard!.board
    this.show({ failure: null, heard: { board: newest, at: this.ports.now(), skew: heard?.skew ?? 0 } })
    this.expectNews()
  }

  /** Nothing for a while, though the line reaffirms itself: ask, and try the socket again if it gave up. */
  private expectNews(): void {
    this.after(QUIET_MS * (0.8 + 0.4 * this.ports.chance()), () => {
      if (this.view.link !== 'connected') this.channel?.wake()
      return this.load()
    })
  }

  private after(milliseconds: number, act: () => unknown): void {
    this.cancelTimer()
    this.cancelTimer = this.ports.later(milliseconds, () => void act())
  }

  private show(change: Partial<View>): void {
    this.view = { ...this.view, ...change }
    this.onView(this.view)
  }
}
