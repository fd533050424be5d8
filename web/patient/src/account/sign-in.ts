/** The ways to sign in, as the server knows them. Each answers the session that it began. */
import { bodyOf } from '../api/ask'
import type { Answer, Question } from '../api/ask'
import { isJson, text, whole } from '../queue/board'
import { readSignedIn } from './session'
import type { SignedIn } from './session'

export const WAYS = ['wechat_h5', 'wechat_mini', 'alipay_mini', 'sms'] as const
export type Way = (typeof WAYS)[number]

export interface SignIn {
  /** The ways that this hospital has switched on. */
  ways(): Promise<Way[]>
  /** Where to send the browser, and the state it must come back with. */
  startWeChat(returnTo: string): Promise<{ address: string; state: string }>
  withWeChat(code: string, state: string): Promise<SignedIn>
  withWeChatMini(code: string, phoneCode: string): Promise<SignedIn>
  withAlipay(code: string): Promise<SignedIn>
  /** Have a code sent; answers after how many seconds another may be asked for. */
  sendCode(phone: string): Promise<number>
  withCode(phone: string, code: string): Promise<SignedIn>
}

const AGAIN_AFTER_SECONDS = 60

export function signIn(plain: (question: Question) => Promise<Answer>): SignIn {
  const post = async (path: string, body: unknown) => bodyOf(await plain({ method: 'POST', path, body }))
  const began = async (path: string, body: unknown) => readSignedIn(await post(`/v1/sign-in/${path}`, body))

  return {
    async ways() {
      const { ways } = bodyOf(await plain({ method: 'GET', path: '/v1/sign-in/ways' }))
      const enabled = (Array.isArray(ways) ? ways : []).filter(isJson).filter((each) => each.enabled === true)
      return WAYS.filter((way) => enabled.some((each) => each.kind === way))
    },
    async startWeChat(returnTo) {
      const answer = await post('/v1/sign-in/wechat-h5/start', { return_to: returnTo })
      return { address: text(answer.address), state: text(answer.state) }
    },
    withWeChat: (code, state) => began('wechat-h5', { code, state }),
    withWeChatMini: (code, phoneCode) =>
      began('wechat-mini', phoneCode === '' ? { code } : { code, phone_code: phoneCode }),
    withAlipay: (code) => began('alipay-mini', { code }),
    async sendCode(phone) {
      const answer = await post('/v1/sign-in/sms/code', { phone })
      return whole(answer.again_after_seconds) ?? AGAIN_AFTER_SECONDS
    },
    withCode: (phone, code) => began('sms', { phone, code }),
  }
}

/** Digits of a mobile number as people write it; `null` when it is none of mainland China's. */
export function mobileOf(typed: string): string | null {
  const digits = typed.replace(/[\s-]/g, '').replace(/^(\+|00)86/, '')
  return /^1[3-9]\d{9}$/.test(digits) ? digits : null
}
