/** One question to the server over HTTP, and the refusals it may answer with. */
import { isJson, text } from '../queue/board'

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  /** What `Retry-After` said, in seconds. */
  readonly retryAfter: number | null
}

/** Rejects with `Unreachable` when no answer came in time; every status is an answer. */
export type Ask = (question: Question) => Promise<Answer>

export class Unreachable extends Error {}

/** The server's no (RFC 9457): a stable code, facts, and the field that is wrong. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly params: Readonly<Record<string, unknown>> = {},
    /** JSON path of a wrong value, such as `$.guardian.phone`; empty when none is to blame. */
    readonly field = '',
    /** The server's own sentence, in the language asked for: said where our catalogue has no words. */
    readonly detail = '',
    readonly retryAfter: number | null = null,
  ) {
    super(code)
  }
}

/** What stands for a refusal without a readable body: a proxy's, or one that Alipay swallowed. */
const BARE: Readonly<Record<number, string>> = {
  401: 'core.unauthenticated',
  403: 'core.forbidden',
  404: 'core.not_found',
  408: 'core.request_too_slow',
  413: 'core.body_too_large',
  429: 'core.too_many',
  503: 'core.unavailable',
}

export function problemOf({ status, body, retryAfter }: Answer): Problem {
  const said = isJson(body) ? body : {}
  const params = isJson(said.params) ? said.params : {}
  const again = retryAfter ?? seconds(params.again_after_seconds) ?? seconds(params.retry_after_seconds)
  const code = text(said.code) || BARE[status] || (status >= 500 ? 'core.internal' : 'core.refused')
  return new Problem(status, code, params, text(said.field), text(said.detail), again)
}

const seconds = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null

/** The body of an answer that says yes. Rejects with the `Problem` of one that does not. */
export function bodyOf(answer: Answer): Record<string, unknown> {
  if (answer.status < 200 || answer.status > 299) throw problemOf(answer)
  if (answer.status === 204 || answer.body === null || answer.body === '') return {}
  if (!isJson(answer.body)) throw new Unreachable() // a hotel's sign-in page says 200 too
  return answer.body
}
