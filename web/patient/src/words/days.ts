/** Moments as the hospital's clock shows them (UTC+8), whatever the phone's zone. Pure. */
const HOSPITAL_MS = 8 * 3600_000

const shifted = (at: number): string => new Date(at + HOSPITAL_MS).toISOString()

/** The day of a moment, `2026-11-26`; empty when the text is no moment. */
export function dayIn(moment: string): string {
  const at = Date.parse(moment)
  return Number.isNaN(at) ? '' : shifted(at).slice(0, 10)
}

/** Day and time of a moment, `2026-11-26 09:31`. */
export function momentIn(moment: string): string {
  const at = Date.parse(moment)
  return Number.isNaN(at) ? '' : shifted(at).slice(0, 16).replace('T', ' ')
}

export const todayAt = (now: number): string => shifted(now).slice(0, 10)
