import { describe, expect, it } from 'vitest'
import { returnedWith, withoutCode } from '../src/account/returned'
import { mobileOf, signIn } from '../src/account/sign-in'
import type { Answer, Question } from '../src/api/ask'

describe('the way back from WeChat', () => {
  const agreed = { terms: '1', privacy: '2' }
  const left = { state: 's1', why: 'sign_in', agreed } as const

  it.each([
    ['', left, { kind: 'not_from_there' }],
    ['?line=L1', left, { kind: 'not_from_there' }],
    ['?code=c1&state=s1', left, { kind: 'code', why: 'sign_in', code: 'c1', state: 's1', agreed }],
    ['?code=c1&state=s2', left, { kind: 'not_ours' }],
    ['?code=c1&state=s1', null, { kind: 'not_ours' }],
    ['?state=s1', left, { kind: 'declined', why: 'sign_in' }],
    ['?code=&state=s1', left, { kind: 'declined', why: 'sign_in' }],
    [
      '?code=%E0%A4%A&state=s1',
      left,
      { kind: 'code', why: 'sign_in', code: '%E0%A4%A', state: 's1', agreed },
    ],
  ])('%s', (search, leaving, meant) => expect(returnedWith(search, leaving)).toEqual(meant))

  it('leaves nothing of the code in the address', () => {
    expect(withoutCode('?code=c1&state=s1')).toBe('')
    expect(withoutCode('?line=L1&code=c1&state=s1')).toBe('?line=L1')
  })
})

describe('a mobile number', () => {
  it.each([
    ['13800138000', '13800138000'],
    ['138 0013 8000', '13800138000'],
    ['+86 138-0013-8000', '13800138000'],
    ['008613800138000', '13800138000'],
    ['12800138000', null],
    ['1380013800', null],
    ['138001380000', null],
    ['', null],
  ])('%s', (typed, digits) => expect(mobileOf(typed)).toBe(digits))
})

describe('the ways to sign in', () => {
  const answering = (body: unknown, status = 200) => {
    const asked: Question[] = []
    const plain = (question: Question): Promise<Answer> => {
      asked.push(question)
      return Promise.resolve({ status, body, retryAfter: null })
    }
    return { asked, ways: signIn(plain) }
  }
  const session = {
    user: 'u1',
    session: 's1',
    access_token: 'a',
    refresh_token: 'r',
    expires_at: 'x',
    is_new: true,
  }

  it('are those that the hospital has switched on and we know', async () => {
    const { ways } = answering({
      ways: [
        { kind: 'sms', enabled: true },
        { kind: 'wechat_h5', enabled: false },
        { kind: 'palm', enabled: true },
      ],
    })
    expect(await ways.ways()).toEqual(['sms'])
  })

  it('name no phone code that the person did not give', async () => {
    const { ways, asked } = answering(session)
    expect((await ways.withWeChatMini('c1', '')).isNew).toBe(true)
    expect(asked[0]!.body).toEqual({ code: 'c1' })
  })

  it('make no half session of a half answer', async () => {
    const { ways } = answering({ ...session, refresh_token: undefined })
    await expect(ways.withAlipay('c1')).rejects.toMatchObject({ code: 'core.internal' })
  })

  it('hand a refusal on with its code', async () => {
    const { ways } = answering({ code: 'accounts.code_used' }, 403)
    await expect(ways.withCode('13800138000', '1')).rejects.toMatchObject({
      code: 'accounts.code_used',
      status: 403,
    })
  })
})
