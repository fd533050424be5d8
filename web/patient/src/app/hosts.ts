/** Signing in differs most between the hosts: which way is this one's own, and how it gives its code. */
import Taro from '@tarojs/taro'
import type { Leaving, Returned } from '../account/returned'
import { returnedWith, withoutCode } from '../account/returned'
import type { Way } from '../account/sign-in'
import { IN_BROWSER } from './platform'

const LEFT = 'houzhen.left'

export const inWeChatBrowser = (agent: string): boolean => /MicroMessenger/i.test(agent)

/** The way to sign in that this host gives by itself; `null` in an ordinary browser, where SMS remains. */
export function ownWay(): Exclude<Way, 'sms'> | null {
  if (process.env.TARO_ENV === 'weapp') return 'wechat_mini'
  if (process.env.TARO_ENV === 'alipay') return 'alipay_mini'
  return inWeChatBrowser(navigator.userAgent) ? 'wechat_h5' : null
}

/** The one-time code of a mini-program's host. Rejects when the host gives none. */
export async function hostCode(): Promise<string> {
  // Taro calls Alipay's my.getAuthCode by the same name, and gives it the scope auth_base.
  const given = (await Taro.login()) as { code?: string; authCode?: string }
  const code = given.code || given.authCode
  if (!code) throw new Error('the host gave no code')
  return code
}

/** What WeChat's phone button hands over; empty when the person declined. */
export function phoneCodeOf(event: unknown): string {
  const { detail } = event as { detail?: { code?: unknown } | null }
  return typeof detail?.code === 'string' ? detail.code : ''
}

/** Leave for WeChat's own page. The browser comes back to this same page with a code. */
export function leaveFor(address: string, leaving: Leaving): void {
  sessionStorage.setItem(LEFT, JSON.stringify({ ...leaving, hash: window.location.hash }))
  window.location.assign(address)
}

/** Where WeChat sends the browser back to. The page within is remembered here: addresses with `#` get lost there. */
export const returnAddress = (): string => window.location.origin + window.location.pathname

/** Whether the browser has just come back from WeChat; clears the code from the address bar. */
export function returned(): Returned {
  if (!IN_BROWSER) return { kind: 'not_from_there' }
  const { search, pathname, hash } = window.location
  const left = leftWith()
  const back = returnedWith(search, left)
  if (back.kind === 'not_from_there') return back
  sessionStorage.removeItem(LEFT)
  window.history.replaceState(null, '', pathname + withoutCode(search) + (left?.hash || hash))
  return back
}

function leftWith(): (Leaving & { hash: string }) | null {
  try {
    return JSON.parse(sessionStorage.getItem(LEFT) ?? 'null') as (Leaving & { hash: string }) | null
  } catch {
    return null
  }
}

/** The screen as bright as it gets while a code is shown, in a mini-program. The answer puts it back. */
export function brighten(): () => void {
  if (IN_BROWSER) return () => undefined
  let before: number | null = null
  let over = false
  const set = (value: number) => void Taro.setScreenBrightness({ value }).catch(() => undefined)
  void Promise.resolve(Taro.getScreenBrightness() as unknown)
    .then((now) => {
      before = (now as { value?: number }).value ?? null
      if (!over) set(1)
    })
    .catch(() => undefined)
  return () => {
    over = true
    if (before !== null) set(before)
  }
}

/** Whether this host lets a page hand over files. WeChat's browser does not, and mini-programs have no folder. */
export const givesFiles = (): boolean => IN_BROWSER && !inWeChatBrowser(navigator.userAgent)

/** Hand a document over to the person. Answers how: as a file, or on the clipboard. */
export async function handOver(name: string, content: string): Promise<'file' | 'clipboard'> {
  if (givesFiles()) {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([content], { type: 'application/json' }))
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
    return 'file'
  }
  await Taro.setClipboardData({ data: content })
  return 'clipboard'
}
