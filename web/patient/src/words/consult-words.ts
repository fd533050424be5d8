/** Words about consultations: states, fees, and what a message says. Pure. */
import type { Body } from '../im/shapes'
import en from './en.json'
import zh from './zh-CN.json'
import { say } from './say'
import type { Language, Word } from './say'

const known = (word: string): word is Word => word in zh && word in en

export const stateWord = (state: string): Word => {
  const word = `consult.state.${state}`
  return known(word) ? word : 'consult.state.active'
}

export const whyWord = (why: string): Word => {
  const word = `consult.why.${why}`
  return known(word) ? word : 'consult.why.off_duty'
}

/** Fen as people say it; nothing to pay is said in words. */
export const feeIn = (fen: number, language: Language): string =>
  fen === 0 ? say(language, 'consult.free') : say(language, 'consult.fee', { yuan: (fen / 100).toFixed(2) })

/** What a message says in words; empty for what needs none. */
export function bodyWords(body: Body | null, language: Language): string {
  if (body === null) return say(language, 'chat.recalled')
  switch (body.type) {
    case 'text':
      return body.text
    case 'image':
      return `${say(language, 'chat.image', { n: body.files.length })} ${body.text ?? ''}`.trim()
    case 'voice':
      return say(language, 'chat.voice', { n: body.seconds })
    case 'file':
      return say(language, 'chat.file', { name: body.name })
    case 'card': {
      const word = `chat.card.${body.card}`
      return known(word) ? say(language, word) : ''
    }
    case 'event': {
      const word = `chat.event.${body.code}`
      return known(word) ? say(language, word) : ''
    }
    default:
      return ''
  }
}
