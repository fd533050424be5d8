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
  /** server milliseconds */
  now: () => number
  recallSpoken: () => string[]
  rememberSpoken: (ids: string[]) => void
}

export class Announcer {
  private waiting: ScreenCall[] = []
  private current: ReadonlySet<string> = new Set()
  private speaking = false
  private audible = false
  private begun = false

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

  /**
   * Look at the whole screen and queue the calls that are new.
   *
   * At the first look after a start a call without a time is taken as old.
   */
  offer(parts: readonly ScreenPart[]): void {
    const calls = parts.reduce<ScreenCall[]>(
      (all, part) => all.concat(part.now.filter((call) => call.state === 'called')),
      [],
    )
    this.current = new Set(calls.map((call) => call.call_id))
    if (!this.audible) return
    const first = !this.begun
    this.begun = true
    const fresh = calls.filter((call) => this.isNew(call, first))
    if (fresh.length === 0) return
    fresh.sort((a, b) => calledAt(a, 0) - calledAt(b, 0))
    for (const call of fresh) this.enqueue(call)
    void this.speakAll()
  }

  private isNew(call: ScreenCall, first: boolean): boolean {
    if (this.waiting.some((each) => each.call_id === call.call_id)) return false
    if (this.ports.recallSpoken().indexOf(call.call_id) >= 0) return false
    if (!call.called_at && first) {
      this.markSpoken(call)
      return false
    }
    const now = this.ports.now()
    return now - calledAt(call, now) <= TOO_OLD_SECONDS * 1000
  }

  private enqueue(call: ScreenCall): void {
    // a repeated call of the same number makes the one still waiting worthless
    const ticket = ticketOf(call)
    this.waiting = this.waiting.filter((each) => ticketOf(each) !== ticket)
    this.waiting.push(call)
    if (this.waiting.length > WAITING_CALLS) this.waiting.shift()
  }

  private async speakAll(): Promise<void> {
    if (this.speaking) return
    this.speaking = true
    try {
      for (let call = this.waiting.shift(); call; call = this.waiting.shift()) {
        if (!this.stillWorth(call)) continue
        this.markSpoken(call)
        await this.ports.speak(call).catch(() => undefined)
      }
    } finally {
      this.speaking = false
    }
  }

  private stillWorth(call: ScreenCall): boolean {
    const now = this.ports.now()
    if (now - calledAt(call, now) > WAITED_TOO_LONG_SECONDS * 1000) return false
    // another window of this box may have spoken it meanwhile
    return this.current.has(call.call_id) && this.ports.recallSpoken().indexOf(call.call_id) < 0
  }

  private markSpoken(call: ScreenCall): void {
    const ids = this.ports.recallSpoken().filter((id) => id !== call.call_id)
    ids.push(call.call_id)
    this.ports.rememberSpoken(ids.slice(-REMEMBERED_CALLS))
  }
}

function calledAt(call: ScreenCall, otherwise: number): number {
  return Date.parse(call.called_at ?? '') || otherwise
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
