/** The words of the back office: its own catalogues beside those of sign-in. */
import {
  fill,
  has as hasOfSignIn,
  lang,
  say as sayOfSignIn,
  sayProblem,
  type Key as SignInKey,
} from '../staff/words'
import zh from './locale/zh-CN.json'
import en from './locale/en.json'

type OwnKey = keyof typeof zh
export type Key = OwnKey | SignInKey

const catalogues: Record<string, Record<string, string>> = { 'zh-CN': zh, en }

const isOwn = (key: string): key is OwnKey => Object.prototype.hasOwnProperty.call(zh, key)

export const has = (key: string): key is Key => isOwn(key) || hasOfSignIn(key)

export function say(key: Key, params: Record<string, unknown> = {}): string {
  if (!isOwn(key)) return sayOfSignIn(key, params)
  return fill(catalogues[lang.value]?.[key] ?? zh[key], params)
}

/** The word for a code the server sends; the code itself when there is none yet. */
export function sayCode(family: string, code: string): string {
  const key = `${family}.${code}`
  return has(key) ? say(key) : code
}

/** A moment in the reader's own calendar: date and minute. */
export function sayTime(moment: string | null | undefined): string {
  if (!moment) return '—'
  const at = new Date(moment)
  return new Intl.DateTimeFormat(lang.value === 'en' ? 'en-GB' : 'zh-CN', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(at)
}

/** The same with seconds, as the log needs it. */
export function sayMoment(moment: string): string {
  const at = new Date(moment)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

export function sayBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export { lang, sayProblem }
