/** When a screen may reload itself for a new version of the pages. Pure. */

/** Nobody may be looking for their number while the screen blinks. */
export const QUIET_SECONDS = 15
/** A hall that is never quiet is renewed anyway. */
export const PATIENCE_SECONDS = 600
/** A server that keeps announcing a build it does not serve must not make the screen blink for ever. */
export const AGAIN_SECONDS = 900

export interface Renewal {
  shown: string
  offered: string
  /** server milliseconds since which the offered build is known */
  offeredAt: number
  lastCallAt: number
  busy: boolean
  tried: { build: string; at: number } | null
}

export function shouldRenew(renewal: Renewal, now: number): boolean {
  const { shown, offered, tried } = renewal
  if (!shown || !offered || shown === offered) return false
  if (tried && tried.build === offered && now - tried.at < AGAIN_SECONDS * 1000) return false
  if (renewal.busy) return false
  return now - renewal.lastCallAt > QUIET_SECONDS * 1000 || now - renewal.offeredAt > PATIENCE_SECONDS * 1000
}
