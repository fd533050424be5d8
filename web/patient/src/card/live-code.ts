/**
 * The code of a health card while somebody shows it: asked for, counted down, asked for again before it ends.
 *
 * Held in memory only and dropped as soon as the page is not looked at. A code past its end is never shown: when
 * no new one comes, the page says so instead. No clock or timer of its own: they come in as `CodePorts`.
 */
import { CODE_RETRY_FIRST_MS, CODE_RETRY_LAST_MS, CODE_TRUST_MS, TICK_MS } from '../limits'
import type { CardCode } from '../api/patients'
import { Problem } from '../api/ask'

export interface CodePorts {
  /** Rejects with `Problem`, or anything else when the server cannot be reached. */
  ask(): Promise<CardCode>
  now(): number
  /** Run once later; the answer cancels it. */
  later(milliseconds: number, act: () => void): () => void
}

export type Showing =
  | { readonly kind: 'asking' }
  | {
      readonly kind: 'shown'
      readonly code: CardCode
      /** Until a new one is asked for; `null` for a code that does not change. */
      readonly secondsLeft: number | null
      /** No new one came; this is the last one and it still holds. */
      readonly late: boolean
    }
  | { readonly kind: 'offline' }
  | { readonly kind: 'refused'; readonly problem: Problem }

interface Held {
  readonly code: CardCode
  readonly refreshAt: number
  readonly endsAt: number
}

export class LiveCode {
  private held: Held | null = null
  private failures = 0
  private late = false
  private turn = 0
  private cancels: (() => void)[] = []

  constructor(
    private readonly ports: CodePorts,
    private readonly show: (showing: Showing) => void,
  ) {}

  /** Ask for a code now, whatever is shown. */
  wake(): void {
    this.rest()
    this.show({ kind: 'asking' })
    void this.ask()
  }

  /** Nobody looks: forget the code. */
  rest(): void {
    this.turn += 1
    for (const cancel of this.cancels) cancel()
    this.cancels = []
    this.held = null
    this.failures = 0
    this.late = false
  }

  private async ask(): Promise<void> {
    const turn = this.turn
    try {
      const code = await this.ports.ask()
      if (turn === this.turn) this.keep(code)
    } catch (failure) {
      if (turn === this.turn) this.fail(failure)
    }
  }

  private keep(code: CardCode): void {
    const running = this.held !== null
    this.failures = 0
    this.late = false
    const now = this.ports.now()
    const refresh = code.refreshAfterSeconds * 1000
    // The server's end is read by the phone's clock, which may be wrong: never trusted for long after the refresh.
    const told = Date.parse(code.goodUntil) - now
    const life = Math.min(Math.max(told || 0, refresh), refresh + CODE_TRUST_MS)
    this.held = { code, refreshAt: now + refresh, endsAt: code.dynamic ? now + life : Infinity }
    this.tell()
    if (!code.dynamic) return
    this.at(refresh, () => void this.ask())
    if (!running) this.tick()
  }

  private fail(failure: unknown): void {
    if (failure instanceof Problem && failure.status < 500 && failure.status !== 429) {
      this.rest()
      this.show({ kind: 'refused', problem: failure })
      return
    }
    this.late = true
    this.tell()
    const pause = Math.min(CODE_RETRY_FIRST_MS * 2 ** this.failures, CODE_RETRY_LAST_MS)
    const asked = failure instanceof Problem && failure.retryAfter !== null ? failure.retryAfter * 1000 : 0
    this.failures += 1
    this.at(Math.max(pause, asked), () => void this.ask())
  }

  private tick(): void {
    this.at(TICK_MS, () => {
      this.tell()
      if (this.held !== null) this.tick()
    })
  }

  private tell(): void {
    if (this.held !== null && this.ports.now() >= this.held.endsAt) this.held = null
    if (this.held === null) return this.show({ kind: 'offline' })
    const { code, refreshAt } = this.held
    const left = Math.max(0, Math.ceil((refreshAt - this.ports.now()) / 1000))
    this.show({ kind: 'shown', code, secondsLeft: code.dynamic ? left : null, late: this.late })
  }

  private at(milliseconds: number, act: () => void): void {
    const cancel = this.ports.later(milliseconds, () => {
      this.cancels = this.cancels.filter((each) => each !== cancel)
      act()
    })
    this.cancels.push(cancel)
  }
}
