import { describe, expect, it } from 'vitest'
import { placeOf } from '../src/queue/place'
import en from '../src/words/en.json'
import { wordsFor } from '../src/words/place-words'
import { languageFor, say } from '../src/words/say'
import type { Language } from '../src/words/say'
import zh from '../src/words/zh-CN.json'
import { aBoard } from './boards'

const placeholders = (sentence: string) =>
  [...sentence.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort()

describe('the catalogues', () => {
  it('have the same words', () => expect(Object.keys(en)).toEqual(Object.keys(zh)))

  it('ask for the same facts', () => {
    for (const [word, sentence] of Object.entries(zh))
      expect([word, placeholders(en[word as keyof typeof en])]).toEqual([word, placeholders(sentence)])
  })

  it('are in their own language', () => {
    expect(
      Object.entries(en).filter(
        ([word, sentence]) => /[\u4e00-\u9fff]/.test(sentence) && word !== 'app.language',
      ),
    ).toEqual([])
  })
})

describe('a place in words', () => {
  const said = (ticket: string, change = {}, language: Language = 'en', silent = false) => {
    const board = aBoard(change)
    const { tone, head, note } = wordsFor(board, placeOf(board, ticket), ticket, { fate: null, silent })
    return [tone, say(language, head.word, head.params), note && say(language, note.word, note.params)]
  }

  it.each([
    ['A017', {}, ['waiting', '3 people ahead of you', 'about 8–15 minutes']],
    ['A015', { ready: [] }, ['waiting', '1 person ahead of you', 'about 2–6 minutes']],
    ['A014', { ready: [] }, ['waiting', 'You are next', 'less than 4 minutes']],
    ['A014', {}, ['ready', 'Please wait by the room', 'less than 4 minutes']],
    ['A013', {}, ['called', 'Please go to 302诊室 now', 'Call 2']],
    [
      'A017',
      { estimate: null },
      ['waiting', '3 people ahead of you', 'Too few visits yet today to estimate a time'],
    ],
    [
      'A017',
      { fresh: false },
      ['waiting', '3 people ahead of you', 'A time is shown again once the hospital updates'],
    ],
    [
      'A017',
      { open: 'paused' },
      ['waiting', '3 people ahead of you', 'A time is shown again when calling resumes'],
    ],
    ['A009', {}, ['act', 'Your call was missed', 'You did not answer when called']],
  ])('%s %j', (ticket, change, words) => expect(said(ticket, change)).toEqual(words))

  it('speaks Chinese', () =>
    expect(said('A017', {}, 'zh-CN')).toEqual(['waiting', '前面还有 3 位', '大约 8–15 分钟']))

  it('gives no minutes when the phone hears nothing', () =>
    expect(said('A017', {}, 'en', true)[2]).toBe('A time is shown again once connected'))

  it('says what became of a ticket that left the line', () => {
    const board = aBoard()
    const words = wordsFor(board, placeOf(board, 'A001'), 'A001', { fate: 'done', silent: false })
    expect([words.tone, words.head.word]).toEqual(['over', 'fate.done.head'])
  })
})

describe('the language to begin with', () => {
  it.each([
    ['', 'zh-CN', 'zh-CN'],
    ['', 'en-GB', 'en'],
    ['zh-CN', 'en-GB', 'zh-CN'],
    ['', '', 'zh-CN'],
  ])('chosen %j on a %s phone is %s', (chosen, phone, language) =>
    expect(languageFor(chosen, phone)).toBe(language),
  )
})
