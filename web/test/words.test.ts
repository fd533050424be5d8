import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import adminEn from '../admin/locale/en.json'
import adminZh from '../admin/locale/zh-CN.json'
import signInEn from '../staff/locale/en.json'
import signInZh from '../staff/locale/zh-CN.json'
import en from '../shared/locale/en.json'
import zh from '../shared/locale/zh-CN.json'
import { Problem, wordsFor } from '../shared/problem'
import { chooseLang, lang, pick, say, saySpan } from '../shared/words'

const root = join(__dirname, '..')
const catalogues: Record<string, Record<string, string>> = { zh, en }
const placeholders = (words: string): string[] =>
  [...words.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort()

afterEach(() => {
  lang.value = 'zh-CN'
})

describe('the catalogues', () => {
  it('hold the same keys with the same placeholders, none of them empty', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
    for (const key of Object.keys(zh)) {
      expect(placeholders(catalogues['en']?.[key] ?? ''), key).toEqual(
        placeholders(catalogues['zh']?.[key] ?? ''),
      )
      expect(catalogues['en']?.[key]?.trim(), key).toBeTruthy()
    }
  })

  it('hold no key that nobody says', () => {
    const sources = ['screen', 'doctor', 'start', 'docs', 'shared', 'staff']
      .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
      .filter((name) => /\.(ts|vue)$/.test(name))
      .map((name) => readFileSync(name, 'utf8'))
      .join('\n')
    const families =
      /^(weekday|talk\.(event|state)|open|kind|priority|label|room|state|problem|doctor\.(tab|action|done|column)|start\.(patient|doctor|admin|docs|health|hall|room|role))/
    const unused = Object.keys(zh).filter((key) => !families.test(key) && !sources.includes(`'${key}'`))
    expect(unused).toEqual([])
  })

  it('have words for every refusal of the queue', () => {
    const file = join(root, '..', 'queue_display', 'refusals.py')
    if (!existsSync(file)) return
    const codes = [...readFileSync(file, 'utf8').matchAll(/code = "(queue\.\w+)"/g)].map(
      (match) => match[1] ?? '',
    )
    const unseen = new Set([
      'queue.no_such_line',
      'queue.no_such_ticket',
      'queue.no_such_room',
      'queue.no_such_screen',
    ])
    const missing = codes.filter((code) => !unseen.has(code) && !(`problem.${code}` in zh))
    expect(missing, 'the server words these itself; the desk should too').toEqual([])
  })
})

describe('the catalogues of the back office', () => {
  const officeZh: Record<string, string> = { ...signInZh, ...adminZh }
  const officeEn: Record<string, string> = { ...signInEn, ...adminEn }

  it('hold the same keys with the same placeholders, none of them empty', () => {
    expect(Object.keys(officeEn)).toEqual(Object.keys(officeZh))
    for (const key of Object.keys(officeZh)) {
      expect(placeholders(officeEn[key] ?? ''), key).toEqual(placeholders(officeZh[key] ?? ''))
      expect(officeEn[key]?.trim(), key).toBeTruthy()
    }
  })

  it('hold no key that nobody says', () => {
    const sources = ['admin', 'staff']
      .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
      .filter((name) => /\.(ts|vue)$/.test(name))
      .map((name) => readFileSync(name, 'utf8'))
      .join('\n')
    const families =
      /^(role|staff_state|staff\.(act|means)|reach|touches|result|problem|level|review_state|warning|word_action|label|decision)\./
    const unused = Object.keys(officeZh).filter(
      (key) => !families.test(key) && !sources.includes(`'${key}'`) && !['office', 'desk'].includes(key),
    )
    expect(unused).toEqual([])
  })
})

describe('the language', () => {
  it('is Chinese unless the address or the browser asks for English', () => {
    expect(chooseLang('', [])).toBe('zh-CN')
    expect(chooseLang('', ['zh-TW', 'en'])).toBe('zh-CN')
    expect(chooseLang('', ['en-GB'])).toBe('en')
    expect(chooseLang('', ['fr'])).toBe('zh-CN')
    expect(chooseLang('?a=1&lang=en', ['zh-CN'])).toBe('en')
    expect(chooseLang('?lang=zh', ['en'])).toBe('zh-CN')
  })

  it('fills in facts and leaves unknown braces alone', () => {
    expect(say('screen.waiting_people', { n: 3 })).toBe('3 人候诊')
    lang.value = 'en'
    expect(say('screen.waiting_people', {})).toBe('{n} waiting')
    expect(pick({ zh: '三楼', en: '' })).toBe('三楼')
  })

  it('says spans', () => {
    expect([saySpan(5), saySpan(119), saySpan(7200), saySpan(3 * 86_400)]).toEqual([
      '5 秒',
      '1 分钟',
      '2 小时',
      '3 天',
    ])
  })
})

describe('a problem in words', () => {
  it('uses our words for the code, with its facts', () => {
    expect(wordsFor(new Problem(409, 'queue.room_is_busy', { number: 'A017' }))).toContain('A017')
  })
  it('else what the server said, else what the status means', () => {
    expect(wordsFor(Problem.of(409, { code: 'new.code', title: '新情况' }))).toBe('新情况')
    expect(wordsFor(new Problem(503, 'x.y'))).toBe(say('problem.server'))
    expect(wordsFor(new Problem(418, 'x.y'))).toContain('x.y')
    expect(wordsFor(new TypeError('x'))).toBe(say('problem.page.broken'))
  })
  it('reads any body', () => {
    expect(Problem.of(502, '<html>').code).toBe('http.502')
    expect(Problem.of(422, { code: 'a.b', field: '$.room' }).field).toBe('$.room')
  })
})
