/** Words for the ways to sign in. Pure. */
import type { Word } from './say'

const KINDS = ['wechat_h5', 'wechat_mini', 'alipay_mini', 'sms'] as const

/** The server may name an identity by the way (`wechat_h5`) or by what it is (`phone`). */
export function wayWord(kind: string): Word {
  const known = KINDS.find((each) => each === kind)
  if (known) return `ways.kind.${known}`
  if (/phone|sms|mobile/.test(kind)) return 'ways.kind.sms'
  return kind.startsWith('alipay') ? 'ways.kind.alipay_mini' : 'ways.kind.wechat'
}
