/** Why messaging said no, in words. */
import { AskFailed } from '../patient/src/im/talk'
import { has, say, type Key } from '../shared/words'

export function wordsForTalk(error: unknown): string {
  if (!(error instanceof AskFailed) || error.temporary) return say('talk.search_failed')
  const key = `problem.${error.code}`
  return has(key) ? say(key as Key) : say('problem.other', { code: error.code })
}
