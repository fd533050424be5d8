import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Problem, Unreachable, bodyOf, problemOf } from '../src/api/ask'
import { dayIn, momentIn, todayAt } from '../src/words/days'
import { wordsOfFailure } from '../src/words/problem-words'
import { paragraphsOf } from '../src/words/prose'
import zh from '../src/words/zh-CN.json'

describe('a refusal', () => {
  it('is read with its facts, field and the time to wait', () => {
    const problem = problemOf({
      status: 422,
      body: { code: 'patients.id_form', field: '$.id_number', params: { why: 'x' }, detail: '不对' },
      retryAfter: null,
    })
    expect(problem).toMatchObject({
      status: 422,
      code: 'patients.id_form',
      field: '$.id_number',
      detail: '不对',
    })
  })

  it.each([
    [401, 'core.unauthenticated'],
    [429, 'core.too_many'],
    [500, 'core.internal'],
    [503, 'core.unavailable'],
    [418, 'core.refused'],
  ])('of status %i without a body has a code', (status, code) =>
    expect(problemOf({ status, body: null, retryAfter: null }).code).toBe(code),
  )

  it('is no page of a hotel that says 200', () =>
    expect(() => bodyOf({ status: 200, body: '<html>', retryAfter: null })).toThrow(Unreachable))
})

describe('the words of a refusal', () => {
  it('are those of its code, in both languages', () => {
    const problem = new Problem(409, 'patients.too_many', { limit: 5 })
    expect(wordsOfFailure(problem, 'zh-CN').sentence).toBe('最多可添加 5 位就诊人')
    expect(wordsOfFailure(problem, 'en').sentence).toBe('You can add at most 5 people')
  })

  it('are the server’s where the code is new to us, else those of its kind', () => {
    expect(wordsOfFailure(new Problem(409, 'x.new', {}, '', '新的规定'), 'zh-CN').sentence).toBe('新的规定')
    expect(wordsOfFailure(new Problem(503, 'x.new'), 'en').sentence).toContain('nothing was done')
  })

  it('say whether and when to try again', () => {
    expect(wordsOfFailure(new Problem(429, 'core.too_many', {}, '', '', 30), 'en')).toMatchObject({
      again: true,
      afterSeconds: 30,
    })
    expect(wordsOfFailure(new Unreachable(), 'en').again).toBe(true)
    expect(wordsOfFailure(new Problem(409, 'patients.same_person'), 'en').again).toBe(false)
  })

  it('name the consent that is missing', () =>
    expect(
      wordsOfFailure(new Problem(403, 'consent.needed', { kind: 'sensitive_health' }), 'en').consent,
    ).toBe('sensitive_health'))

  const catalogue = new URL('../../../conf/locale/zh-CN.json', import.meta.url)
  it.skipIf(!existsSync(catalogue))(
    'cover every code of accounts, consent and patients that the server has',
    () => {
      const codes = Object.keys(JSON.parse(readFileSync(catalogue, 'utf8')) as object)
      const ours = codes.filter((code) => /^(accounts|consent|patients|health_card)\.\w+$/.test(code))
      expect(ours.filter((code) => !(`problem.${code}` in zh))).toEqual([])
    },
  )
})

describe('days', () => {
  it('are the hospital’s', () => {
    expect(dayIn('2026-11-25T18:30:00Z')).toBe('2026-11-26')
    expect(momentIn('2026-11-26T09:31:04+08:00')).toBe('2026-11-26 09:31')
    expect([dayIn('soon'), momentIn('')]).toEqual(['', ''])
    expect(todayAt(Date.parse('2026-11-25T16:00:00Z'))).toBe('2026-11-26')
  })
})

describe('a long text', () => {
  it('has headings and paragraphs', () =>
    expect(paragraphsOf('# 一\n甲\n乙\n\n丙\n# 二\n丁')).toEqual([
      { head: true, text: '一' },
      { head: false, text: '甲\n乙' },
      { head: false, text: '丙' },
      { head: true, text: '二' },
      { head: false, text: '丁' },
    ]))
})
