/** How much a shown state can be trusted: pure, so that a phone, a screen and a desk answer alike. */

import { STALE_SECONDS } from './server-limits'

export type Trust =
  /** confirmed lately */
  | 'live'
  /** heard, but the hospital has not confirmed it lately */
  | 'unconfirmed'
  /** nothing heard from the server for too long, or only remembered from before */
  | 'silent'

export interface Heard {
  /** last confirmation by the truth, as RFC 3339 */
  asOf: string
  /** the server's own verdict */
  fresh: boolean
  /** when this page last heard of the line, in server milliseconds */
  heardAt: number
}

export interface Freshness {
  trust: Trust
  ageSeconds: number
}

/** Judge one line at `now` (server milliseconds). */
export function freshness(heard: Heard, now: number): Freshness {
  const confirmedAt = Date.parse(heard.asOf)
  const ageSeconds = Math.max(
    0,
    Math.round((now - (isNaN(confirmedAt) ? heard.heardAt : confirmedAt)) / 1000),
  )
  if (now - heard.heardAt > STALE_SECONDS * 1000) return { trust: 'silent', ageSeconds }
  return { trust: heard.fresh ? 'live' : 'unconfirmed', ageSeconds }
}

/** The least trusted of several; its age is the one to show. An empty list is live: there is nothing to doubt. */
export function worst(all: Freshness[]): Freshness {
  const rank: Record<Trust, number> = { live: 0, unconfirmed: 1, silent: 2 }
  return all.reduce(
    (found, each) =>
      rank[each.trust] > rank[found.trust] ||
      (rank[each.trust] === rank[found.trust] && each.ageSeconds > found.ageSeconds)
        ? each
        : found,
    { trust: 'live', ageSeconds: 0 } as Freshness,
  )
}
