/**
 * Words for codes: the only place where the app speaks.
 *
 * A key with a `.one` twin takes it when `n` is 1. Every key exists in both catalogues (tested).
 */
import en from './en.json'
import zh from './zh-CN.json'

export type Language = 'zh-CN' | 'en'
export type Word = keyof typeof zh
export type Params = Readonly<Record<string, string | number>>

const CATALOGUES: Readonly<Record<Language, Readonly<Record<string, string>>>> = { 'zh-CN': zh, en }

export function say(language: Language, word: Word, params: Params = {}): string {
  const catalogue = CATALOGUES[language]
  const single = params.n === 1 ? catalogue[`${word}.one`] : undefined
  const sentence = single ?? catalogue[word] ?? word
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''))
}

/** The language to begin with: what was chosen before, else what the phone speaks, else Chinese. */
export function languageFor(chosen: string, phone: string): Language {
  if (chosen === 'zh-CN' || chosen === 'en') return chosen
  return phone !== '' && !phone.toLowerCase().startsWith('zh') ? 'en' : 'zh-CN'
}
