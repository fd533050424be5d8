/** The words of the back office: its own catalogues, so that screens need not carry them. */
import { has as hasShared, lang, say as sayShared } from '../shared/words'
import { Problem, wordsFor } from '../shared/problem'
import zh from './locale/zh-CN.json'
import en from './locale/en.json'

export type Key = keyof typeof zh

const catalogues: Record<string, Record<string, string>> = { 'zh-CN': zh, en }

export const has = (key: string): key is Key => Object.prototype.hasOwnProperty.call(zh, key)

export function say(key: Key, params: Record<string, unknown> = {}): string {
  const words = catalogues[lang.value]?.[key] ?? zh[key]
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

/** The word for a code the server sends; the code itself when there is none yet. */
export function sayCode(family: string, code: string): string {
  const key = `${family}.${code}`
  return has(key) ? say(key) : code
}

/** One sentence for what went wrong: ours for the code, else the shared ones, else the server's. */
export function sayProblem(error: unknown): string {
  if (error instanceof Problem) {
    const key = `problem.${error.code}`
    if (has(key)) return say(key, error.params)
    if (error.title && !hasShared(key)) return error.title
    if (error.status === 429) return say('problem.too_many')
  }
  return wordsFor(error)
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

export { lang, sayShared }
