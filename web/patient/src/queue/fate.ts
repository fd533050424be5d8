/** What became of a ticket that is not on the board: the server is asked, nothing is guessed. */
import { isJson, text } from './board'

const FATES = ['booked', 'done', 'no_show', 'transferred', 'abandoned', 'cancelled', 'not_found'] as const

/** `moving`: the server has it in line, so the board that says so is on its way. */
export type Fate = (typeof FATES)[number] | 'moving'

/** Read the answer of `GET /v1/lines/{id}/tickets/{number}`. */
export function readFate(value: unknown): Fate {
  const state = isJson(value) ? text(value.state) : ''
  return FATES.find((each) => each === state) ?? 'moving'
}
