/**
 * Tells a new call from an old one without trusting the hospital's clock.
 *
 * The time of a call is the hospital's own, and that clock may be minutes or hours off ours. So a call is new when this
 * screen saw it appear: the line was heard a moment ago without it, and now with it. Only at a start or after a silence,
 * when nothing was seen, the time of the call has to do, and an impossible one counts as old.
 */
import type { ScreenCall } from '../shared/contract'
import type { HeardPart, PlacedCall } from './state'

/** Beyond such a silence nobody knows when in it a call was made. */
export const SEEN_SECONDS = 60

interface Look {
  heardAt: number
  ids: string[]
}

export class Witness {
  private looks: Record<string, Look> = {}
  private since: Record<string, number> = {}

  /** Take in the whole screen as it was heard; times are server milliseconds. Keeps only what is still shown. */
  look(lines: readonly HeardPart[], now: number): void {
    const looks: Record<string, Look> = {}
    const since: Record<string, number> = {}
    for (const { part, heardAt } of lines) {
      const before = this.looks[part.line]
      for (const call of part.now) {
        const known = before && before.ids.indexOf(call.call_id) >= 0
        const at = known ? this.since[call.call_id] : firstSeen(call, before, heardAt, now)
        if (at !== undefined) since[call.call_id] = at
      }
      looks[part.line] = { heardAt, ids: part.now.map((call) => call.call_id) }
    }
    this.looks = looks
    this.since = since
  }

  /** When the call was made, by our clock; null when that was before anything this screen knows. */
  calledAt(id: string): number | null {
    return this.since[id] ?? null
  }

  /** The latest call first: those seen to appear, then the others by the hospital's time, then those without one. */
  inOrder(calls: readonly PlacedCall[]): PlacedCall[] {
    const seen = ({ call }: PlacedCall): number => this.since[call.call_id] ?? 0
    const told = ({ call }: PlacedCall): number => Date.parse(call.called_at ?? '') || 0
    return [...calls].sort((a, b) => seen(b) - seen(a) || told(b) - told(a))
  }
}

function firstSeen(
  call: ScreenCall,
  before: Look | undefined,
  heardAt: number,
  now: number,
): number | undefined {
  if (before && heardAt - before.heardAt <= SEEN_SECONDS * 1000) return heardAt
  const told = Date.parse(call.called_at ?? '')
  return Math.abs(now - told) <= SEEN_SECONDS * 1000 ? Math.min(told, now) : undefined
}
