/** How a refusal is said: by its code, else by the server's own sentence, else by its kind. Pure. */
import { Problem } from '../api/ask'
import zh from './zh-CN.json'
import { say } from './say'
import type { Language, Params, Word } from './say'

export interface ProblemWords {
  readonly sentence: string
  /** Whether the same thing may be tried again. */
  readonly again: boolean
  /** Not sooner than this. */
  readonly afterSeconds: number
  /** The consent that is missing, where that is the reason. */
  readonly consent: string
}

export function wordsOfFailure(failure: Error, language: Language): ProblemWords {
  if (!(failure instanceof Problem))
    return { sentence: say(language, 'problem.unreachable'), again: true, afterSeconds: 0, consent: '' }
  return {
    sentence: sentenceOf(failure, language),
    again: failure.status >= 500 || [408, 429].includes(failure.status),
    afterSeconds: failure.retryAfter ?? 0,
    consent: failure.code.startsWith('consent.') ? String(failure.params.kind ?? '') : '',
  }
}

function sentenceOf(problem: Problem, language: Language): string {
  const word = `problem.${problem.code}`
  if (word in zh) return say(language, word as Word, factsOf(problem))
  return problem.detail || say(language, kindOf(problem.status))
}

function factsOf({ params, retryAfter }: Problem): Params {
  const facts: Record<string, string | number> = { seconds: retryAfter ?? 60 }
  for (const [name, value] of Object.entries(params))
    if (typeof value === 'string' || typeof value === 'number') facts[name] = value
  if (typeof facts.limit === 'number') facts.n = facts.limit
  return facts
}

function kindOf(status: number): Word {
  if (status === 401) return 'problem.core.unauthenticated'
  if (status === 403) return 'problem.core.forbidden'
  if (status === 404) return 'problem.core.not_found'
  if (status === 429) return 'problem.core.too_many'
  return status >= 500 ? 'problem.core.unavailable' : 'problem.core.refused'
}
