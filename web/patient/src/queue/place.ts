/**
 * My place in a line: what a board says about one ticket.
 *
 * Pure. Nothing is inferred that the board does not say; a ticket that is not on the board is `absent`,
 * and the server is asked what became of it.
 */
import type { Board, Calling } from './board'

export interface Minutes {
  readonly low: number
  readonly high: number
}

export type Place =
  | { readonly kind: 'called' | 'in_service'; readonly calling: Calling }
  | { readonly kind: 'waiting' | 'ready'; readonly ahead: number; readonly minutes: Minutes | null }
  | { readonly kind: 'passed' | 'suspended' | 'away' | 'unknown' | 'absent' }

/** Where the ticket stands. A ticket being called is never also counted as waiting. */
export function placeOf(board: Board, ticket: string): Place {
  const calling = board.now.find((each) => each.number === ticket)
  if (calling) return { kind: calling.state, calling }

  const ahead = board.waiting.indexOf(ticket)
  if (ahead >= 0) {
    const kind = board.ready.includes(ticket) ? 'ready' : 'waiting'
    return { kind, ahead, minutes: minutesAt(board, ahead) }
  }
  if (board.passed.includes(ticket)) return { kind: 'passed' }
  if (board.suspended.includes(ticket)) return { kind: 'suspended' }
  if (board.away.includes(ticket)) return { kind: 'away' }
  if (board.unknown.includes(ticket)) return { kind: 'unknown' }
  return { kind: 'absent' }
}

/**
 * The expected wait at a place. `null` when the line has no history, when it does not move, or when the
 * board is no longer confirmed: a number nobody stands behind is worse than none.
 */
export function minutesAt(board: Board, ahead: number): Minutes | null {
  if (board.estimate === null || board.open !== 'open' || !board.fresh) return null
  const low = board.estimate.low[ahead]
  const high = board.estimate.high[ahead]
  if (low === undefined || high === undefined || low < 0 || high < low) return null
  return { low, high }
}

/** The stable name of one call, so that a phone vibrates once for it, also after a reconnect. */
export function callOf(board: Board, place: Place): string | null {
  if (place.kind !== 'called') return null
  const { number, call } = place.calling
  return `${board.line}:${dayOf(board, number)}:${number}:${call}`
}

/** The day of a number: the board's, unless the ticket stayed overnight. */
export const dayOf = (board: Board, ticket: string): string => board.stayed[ticket] ?? board.day

/**
 * The ticket a person meant. Slips are typed with small letters, spaces or without the leading zeros;
 * a number that is on the board wins over the plain spelling.
 */
export function meantTicket(typed: string, board: Board | null): string {
  const plain = spelled(typed)
  if (board === null) return plain
  const known = [
    ...board.now.map((each) => each.number),
    ...board.waiting,
    ...board.passed,
    ...board.suspended,
    ...board.away,
    ...board.unknown,
  ]
  if (known.includes(plain)) return plain
  const alike = known.filter((number) => withoutZeros(number) === withoutZeros(plain))
  return alike.length === 1 ? alike[0]! : plain
}

const spelled = (typed: string): string =>
  typed
    .replace(/[！-～]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[\s-]/g, '')
    .toUpperCase()

const withoutZeros = (number: string): string => spelled(number).replace(/(^|[^0-9])0+(?=[0-9])/g, '$1')
