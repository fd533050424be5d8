/**
 * Which calls are spoken, in what order, and never twice.
 *
 * A call is named by its `call_id`. It counts as spoken from the moment speaking begins and is remembered across
 * reloads, so that a reconnect, a new version or a power cut cannot say it again.
 */
import type { ScreenCall, ScreenPart } from '../shared/contract'

/** A screen that starts does not speak what was called before its time. */
export const TOO_OLD_SECONDS = 60
/** A call that waited this long behind others is no longer worth the noise. */
export const WAITED_TOO_LONG_SECONDS = 180
export const REMEMBERED_CALLS = 300
export const WAITING_CALLS = 20

export interface AnnouncerPorts {
  speak: (call: ScreenCall) => Promise<void>
  /** when a call was made, in server milliseconds; null when that is long ago or unknown */
  calledAt: (call: ScreenCall) => number | null
  /** server milliseconds */
  now: () => number
  recallSpoken: () => string[]
  rememberSpoken: (ids: string[]) => void
}

export class Announcer {
  private waiting: { call: ScreenCall; since: number }[] = []
  private current: ReadonlySet<string> = new Set()
  private speaking = false
  private audible = false

  constructor(private readonly ports: AnnouncerPorts) {}

  /** True while anything is spoken or waits to be. */
  get busy(): boolean {
    return this.speaking || this.waiting.length > 0
  }

  /** Sound may be blocked until someone touches the screen; until then nothing counts as spoken. */
  setAudible(audible: boolean): void {
    this.audible = audible
    if (!audible) this.waiting = []
  }

  /** Look at the whole screen and queue the calls that are new. */
  offer(parts: readonly ScreenPart[]): void {
    const calls = parts.reduce<ScreenCall[]>(
      (all, part) => all.concat(part.now.filter((call) => call.state === 'called')),
      [],
    )
    this.current = new Set(calls.map((call) => call.call_id))
    if (!this.audible) return
    const fresh = calls
      .map((call) => ({ call, since: this.ports.calledAt(call) ?? -Infinity }))
      .filter(({ call, since }) => this.isNew(call, since))
    if (fresh.length === 0) return
    fresh.sort((a, b) => a.since - b.since)
    for (const each of fresh) this.enqueue(each)
    void this.speakAll()
  }

  private isNew(call: ScreenCall, since: number): boolean {
    if (this.ports.now() - since > TOO_OLD_SECONDS * 1000) return false
    if (this.waiting.some((each) => each.call.call_id === call.call_id)) return false
    return this.ports.recallSpoken().indexOf(call.call_id) < 0
  }

  private enqueue(fresh: { call: ScreenCall; since: number }): void {
    // a repeated call of the same number makes the one still waiting worthless
    const ticket = ticketOf(fresh.call)
    this.waiting = this.waiting.filter((each) => ticketOf(each.call) !== ticket)
    this.waiting.push(fresh)
    if (this.waiting.length > WAITING_CALLS) this.waiting.shift()
  }

  private async speakAll(): Promise<void> {
    if (this.speaking) return
    this.speaking = true
    try {
      for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
        if (!this.stillWorth(next.call, next.since)) continue
        this.markSpoken(next.call)
        await this.ports.speak(next.call).catch(() => undefined)
      }
    } finally {
      this.speaking = false
    }
  }

  private stillWorth(call: ScreenCall, since: number): boolean {
    if (this.ports.now() - since > WAITED_TOO_LONG_SECONDS * 1000) return false
    // another window of this box may have spoken it meanwhile
    return this.current.has(call.call_id) && this.ports.recallSpoken().indexOf(call.call_id) < 0
  }

  private markSpoken(call: ScreenCall): void {
    const ids = this.ports.recallSpoken().filter((id) => id !== call.call_id)
    ids.push(call.call_id)
    this.ports.rememberSpoken(ids.slice(-REMEMBERED_CALLS))
  }
}

/** `L0301:2026-11-23:A017:2` → the part before the count: the same ticket on the same day. */
function ticketOf(call: ScreenCall): string {
  return call.call_id.replace(/:\d+$/, '')
}

/** What is said: the number, the surname, where to go. The masked rest of a name is not pronounced. */
export function surname(masked: string): string {
  const before = masked.split('*')[0] ?? ''
  return before.trim()
}
