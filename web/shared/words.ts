/** Words for people, from the catalogues: Chinese unless `?lang=en` or the browser asks for another language. */
import { ref } from 'vue'
import zh from './locale/zh-CN.json'
import en from './locale/en.json'

export type Lang = 'zh-CN' | 'en'
export type Key = keyof typeof zh

const catalogues: Record<Lang, Record<string, string>> = { 'zh-CN': zh, en }

/** `?lang=` wins; then a browser that asks for a language other than Chinese gets English. */
export function chooseLang(search: string, languages: readonly string[]): Lang {
  const asked = /[?&]lang=([A-Za-z-]+)/.exec(search)
  const wanted = (asked?.[1] ?? languages[0] ?? 'zh').toLowerCase()
  return wanted.indexOf('zh') === 0 || wanted.indexOf('en') !== 0 ? 'zh-CN' : 'en'
}

const browserLanguages = typeof navigator === 'undefined' ? [] : navigator.languages || [navigator.language]

export const lang = ref<Lang>(
  chooseLang(typeof location === 'undefined' ? '' : location.search, browserLanguages),
)

export const has = (key: string): boolean => Object.prototype.hasOwnProperty.call(zh, key)

export function say(key: Key, params: Record<string, unknown> = {}): string {
  const words = catalogues[lang.value][key] ?? zh[key] ?? key
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

/** The catalogue's word for a code the server sends; the code itself when there is none yet. */
export function sayCode(prefix: string, code: string): string {
  const key = `${prefix}.${code}`
  return has(key) ? say(key as Key) : code
}

/** Of a name the server holds in both languages, the one to show. */
export function pick(both: { zh: string; en: string }): string {
  return lang.value === 'en' ? both.en || both.zh : both.zh || both.en
}

/** A span of time short enough to read from afar. */
export function saySpan(seconds: number): string {
  if (seconds < 60) return say('span.seconds', { n: seconds })
  if (seconds < 3600) return say('span.minutes', { n: Math.floor(seconds / 60) })
  if (seconds < 48 * 3600) return say('span.hours', { n: Math.floor(seconds / 3600) })
  return say('span.days', { n: Math.floor(seconds / 86_400) })
}

/** Tell the browser which language the page is in, so that it is spoken and hyphenated rightly. */
export function markLanguage(title: Key): void {
  document.documentElement.lang = lang.value
  document.title = say(title)
}
