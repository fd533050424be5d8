/** The words of sign-in, for every page that staff sign in to; screens need not carry them. */
import { lang } from '../shared/words'
import { has as hasShared } from '../shared/words'
import { Problem, wordsFor } from '../shared/problem'
import zh from './locale/zh-CN.json'
import en from './locale/en.json'

export type Key = keyof typeof zh

const catalogues: Record<string, Record<string, string>> = { 'zh-CN': zh, en }

export const has = (key: string): key is Key => Object.prototype.hasOwnProperty.call(zh, key)

export function fill(words: string, params: Record<string, unknown>): string {
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

export function say(key: Key, params: Record<string, unknown> = {}): string {
  return fill(catalogues[lang.value]?.[key] ?? zh[key], params)
}

/** The word for a role; the code itself when there is none yet. */
export function sayRole(role: string): string {
  const key = `role.${role}`
  return has(key) ? say(key) : role
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

export { lang }
