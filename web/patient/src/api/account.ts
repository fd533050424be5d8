/** What the account pages ask: me, my ways to sign in, my sessions, what I agreed to, my data. */
import type { Question } from './ask'
import { Problem } from './ask'
import { isJson, text } from '../queue/board'
import type { Way } from '../account/sign-in'
import type { Language } from '../words/say'

export interface Identity {
  readonly id: string
  readonly kind: string
  readonly masked: string
  readonly linkedAt: string
}

export interface Me {
  readonly createdAt: string
  readonly identities: readonly Identity[]
}

export interface OpenSession {
  readonly id: string
  readonly device: string
  readonly address: string
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly current: boolean
}

export const CONSENTS = ['terms', 'privacy', 'sensitive_health'] as const
export type ConsentKind = (typeof CONSENTS)[number]

export interface Consent {
  readonly kind: ConsentKind
  readonly version: string
  readonly title: string
  readonly text: string
  readonly givenVersion: string
  readonly givenAt: string
  readonly required: boolean
}

export interface LinkWith {
  readonly way: Way
  readonly code: string
  readonly phone?: string
  readonly state?: string
}

export interface AccountApi {
  me(): Promise<Me>
  link(by: LinkWith): Promise<{ identities: Identity[]; merged: boolean }>
  unlink(identity: string): Promise<void>
  sessions(): Promise<OpenSession[]>
  endSession(session: string): Promise<void>
  endEverywhere(): Promise<void>
  export(): Promise<Record<string, unknown>>
  /** `proof`: a telephone of the account and its code, where the sign-in is not fresh any more. */
  close(proof?: { phone: string; code: string }): Promise<void>
  /** The texts in that language, and which this account agreed to. */
  consents(language: Language): Promise<Consent[]>
  give(kind: ConsentKind, version: string): Promise<void>
  withdraw(kind: ConsentKind): Promise<void>
  realtimeToken(): Promise<string>
}

export type AskSigned = (question: Question) => Promise<Record<string, unknown>>

export function accountApi(ask: AskSigned, plain: AskSigned, signedIn: () => boolean): AccountApi {
  const get = (path: string) => ask({ method: 'GET', path })
  const post = (path: string, body?: unknown) => ask({ method: 'POST', path, body })

  return {
    async me() {
      const body = await get('/v1/me')
      return { createdAt: text(body.created_at), identities: listOf(body.identities).map(readIdentity) }
    },
    async link(by) {
      const body = await post('/v1/me/identities', by)
      return { identities: listOf(body.identities).map(readIdentity), merged: body.merged === true }
    },
    unlink: async (identity) => void (await post(`/v1/me/identities/${encodeURIComponent(identity)}/unlink`)),
    sessions: async () => listOf((await get('/v1/sessions')).sessions).map(readSession),
    endSession: async (session) => void (await post(`/v1/sessions/${encodeURIComponent(session)}/end`)),
    endEverywhere: async () => void (await post('/v1/sessions/end-all', {})),
    export: () => post('/v1/me/export'),
    close: async (proof) => void (await post('/v1/me/close', { confirm: true, ...proof })),
    async consents(language) {
      // The texts are for everybody: whoever is about to sign in reads them first.
      const question = { method: 'GET', path: `/v1/consents?lang=${language}` } as const
      const body = await (signedIn() ? ask(question) : plain(question))
      return listOf(body.consents)
        .map(readConsent)
        .filter((each) => (CONSENTS as readonly string[]).includes(each.kind))
    },
    give: async (kind, version) => void (await post(`/v1/consents/${kind}/give`, { version })),
    withdraw: async (kind) => void (await post(`/v1/consents/${kind}/withdraw`)),
    async realtimeToken() {
      const token = text((await post('/v1/realtime/token')).token)
      if (token === '') throw new Problem(502, 'core.internal')
      return token
    },
  }
}

export const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isJson) : []

const readIdentity = (value: Record<string, unknown>): Identity => ({
  id: text(value.id),
  kind: text(value.kind),
  masked: text(value.masked),
  linkedAt: text(value.linked_at),
})

const readSession = (value: Record<string, unknown>): OpenSession => ({
  id: text(value.id),
  device: text(value.device),
  address: text(value.address),
  createdAt: text(value.created_at),
  lastUsedAt: text(value.last_used_at),
  current: value.current === true,
})

const readConsent = (value: Record<string, unknown>): Consent => ({
  kind: text(value.kind) as ConsentKind,
  version: said(value.version),
  title: text(value.title),
  text: text(value.text),
  givenVersion: said(value.given_version),
  givenAt: text(value.given_at),
  required: value.required === true,
})

const said = (value: unknown): string => (typeof value === 'number' ? String(value) : text(value))
