/**
 * How old is what the phone shows, and may it be believed?
 *
 * Pure: the caller gives the times. Two different silences exist and are told apart, because the person
 * can act on one of them: the *phone* heard nothing (look at the network), or the *hospital* has not
 * confirmed the line (ask at the desk).
 */
import { STALE_AFTER_MS } from '../limits'
import type { Board } from './board'

export type Link = 'connecting' | 'connected' | 'resting'

export type Freshness = 'live' | 'reconnecting' | 'silent' | 'unconfirmed'

export interface Heard {
  readonly board: Board
  /** Phone's clock when anything about this line was last heard. */
  readonly at: number
  /** Server's clock minus the phone's, in milliseconds. */
  readonly skew: number
}

/** Judge the board now shown. */
export function freshnessOf(heard: Heard, link: Link, now: number): Freshness {
  if (now - heard.at > STALE_AFTER_MS) return 'silent'
  if (link !== 'connected') return 'reconnecting'
  return heard.board.fresh ? 'live' : 'unconfirmed'
}

/** Seconds since the hospital confirmed the board; never negative, whatever the clocks say. */
export function ageSeconds(heard: Heard, now: number): number {
  return Math.max(0, Math.floor((now + heard.skew - Date.parse(heard.board.asOf)) / 1000))
}

/** Server clock minus phone clock; 0 when the server did not say. */
export function skewOf(serverTime: string, now: number): number {
  const server = Date.parse(serverTime)
  return Number.isNaN(server) ? 0 : server - now
}

/** The hospital's own wall clock in a timestamp ("09:31:04"), whatever zone the phone is set to. */
export function clockIn(timestamp: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(timestamp)?.[1] ?? ''
}

/** An age, rounded the way a person says it. */
export function ageIn(seconds: number): {
  readonly unit: 'now' | 'seconds' | 'minutes' | 'hours'
  readonly n: number
} {
  if (seconds < 5) return { unit: 'now', n: 0 }
  if (seconds < 60) return { unit: 'seconds', n: seconds }
  if (seconds < 3600) return { unit: 'minutes', n: Math.floor(seconds / 60) }
  return { unit: 'hours', n: Math.floor(seconds / 3600) }
}
