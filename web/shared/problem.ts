/** A refusal or a failure, and the words for it. */
import type { ProblemBody } from './contract'
import { has, say, type Key } from './words'

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly params: Record<string, unknown> = {},
    readonly title = '',
    readonly field: string | null = null,
  ) {
    super(code)
    this.name = 'Problem'
  }

  /** Nothing came back: no network, no server, or no answer in time. */
  static unreachable(): Problem {
    return new Problem(0, 'page.unreachable')
  }

  static of(status: number, body: unknown): Problem {
    const found = (body ?? {}) as Partial<ProblemBody>
    return new Problem(
      status,
      typeof found.code === 'string' ? found.code : `http.${status}`,
      found.params ?? {},
      found.detail ?? found.title ?? '',
      found.field ?? null,
    )
  }
}

/** One sentence for a person: our words for the code, else the server's, else the status. */
export function wordsFor(error: unknown): string {
  if (!(error instanceof Problem)) return say('problem.page.broken')
  const key = `problem.${error.code}`
  if (has(key)) return say(key as Key, error.params)
  if (error.title) return error.title
  if (error.status >= 500) return say('problem.server')
  if (error.status === 401) return say('problem.core.unauthenticated')
  if (error.status === 403) return say('problem.core.forbidden')
  if (error.status === 404) return say('problem.core.not_found')
  return say('problem.other', { code: error.code })
}
