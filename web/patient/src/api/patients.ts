/** What is asked about family members and their health cards. Values come masked; `reveal` is on the record. */
import type { AskSigned } from './account'
import { listOf } from './account'
import { Problem } from './ask'
import { isJson, text, whole } from '../queue/board'

export interface Guardian {
  readonly name: string
  readonly idNumber: string
  readonly phone: string
}

export interface Patient {
  readonly id: string
  readonly name: string
  readonly idKind: string
  readonly idNumber: string
  readonly phone: string
  readonly relation: string
  readonly sex: string
  readonly birthYear: number | null
  readonly isDefault: boolean
  readonly guardian: Guardian | null
  /** Whether the hospital knows them: `found`, `pending`, `unknown`, `refused`. */
  readonly inHospital: string
  readonly hasCard: boolean
}

/** The plain values, for as long as somebody looks at them. */
export interface Revealed {
  readonly name: string
  readonly idNumber: string
  readonly phone: string
  readonly birthDate: string
  readonly guardian: Guardian | null
}

export interface HealthCard {
  readonly issued: boolean
  readonly issuer: string
  readonly number: string
}

export interface CardCode {
  readonly text: string
  readonly svg: string
  readonly dynamic: boolean
  /** When it is worth nothing any more; empty when it does not end. */
  readonly goodUntil: string
  readonly refreshAfterSeconds: number
}

export interface PatientsApi {
  list(): Promise<{ patients: Patient[]; limit: number }>
  one(patient: string): Promise<Patient>
  /** `key` makes a repeated press add one person, not two. */
  add(body: Record<string, unknown>, key: string): Promise<Patient>
  reveal(patient: string): Promise<Revealed>
  unbind(patient: string): Promise<void>
  makeDefault(patient: string): Promise<void>
  card(patient: string): Promise<HealthCard>
  applyForCard(patient: string, key: string): Promise<HealthCard>
  cardCode(patient: string): Promise<CardCode>
}

/** A code is asked for again after this when the server does not say. */
const REFRESH_SECONDS = 60

export function patientsApi(ask: AskSigned): PatientsApi {
  const of = (patient: string) => `/v1/patients/${encodeURIComponent(patient)}`
  const get = (path: string) => ask({ method: 'GET', path })
  const post = (path: string, body?: unknown, key?: string) =>
    ask({ method: 'POST', path, body, headers: key === undefined ? {} : { 'Idempotency-Key': key } })

  return {
    async list() {
      const body = await get('/v1/patients')
      return { patients: listOf(body.patients).map(readPatient), limit: whole(body.limit) ?? 0 }
    },
    one: async (patient) => readPatient(await get(of(patient))),
    add: async (body, key) => readPatient(await post('/v1/patients', body, key)),
    reveal: async (patient) => readRevealed(await post(`${of(patient)}/reveal`, {})),
    unbind: async (patient) => void (await post(`${of(patient)}/unbind`)),
    makeDefault: async (patient) => void (await post(`${of(patient)}/default`)),
    card: async (patient) => readCard(await get(`${of(patient)}/health-card`)),
    applyForCard: async (patient, key) => readCard(await post(`${of(patient)}/health-card`, undefined, key)),
    cardCode: async (patient) => readCode(await post(`${of(patient)}/health-card/code`, {})),
  }
}

const readGuardian = (value: unknown): Guardian | null =>
  isJson(value)
    ? {
        name: text(value.name_masked) || text(value.name),
        idNumber: text(value.id_masked) || text(value.id_number),
        phone: text(value.phone_masked) || text(value.phone),
      }
    : null

/** A long name's stars say no more than a few do. */
const shortMask = (masked: string): string => masked.replace(/\*{4,}/g, '***')

function readPatient(value: Record<string, unknown>): Patient {
  const card = value.health_card
  return {
    id: text(value.id),
    name: shortMask(text(value.name_masked)),
    idKind: text(value.id_kind),
    idNumber: text(value.id_masked),
    phone: text(value.phone_masked),
    relation: text(value.relation),
    sex: text(value.sex),
    birthYear: whole(value.birth_year),
    isDefault: value.is_default === true,
    guardian: readGuardian(value.guardian),
    inHospital: text(value.hospital_state) || (value.in_hospital === true ? 'found' : 'pending'),
    hasCard: card === true || card === 'issued' || (isJson(card) && card.state === 'issued'),
  }
}

const readRevealed = (value: Record<string, unknown>): Revealed => ({
  name: text(value.name),
  idNumber: text(value.id_number),
  phone: text(value.phone),
  birthDate: text(value.birth_date),
  guardian: readGuardian(value.guardian),
})

const readCard = (value: Record<string, unknown>): HealthCard => ({
  issued: value.state === 'issued',
  issuer: text(value.issuer),
  number: text(value.card_masked),
})

function readCode(value: Record<string, unknown>): CardCode {
  const svg = text(value.svg)
  if (svg === '') throw new Problem(502, 'core.internal')
  return {
    text: text(value.text),
    svg,
    dynamic: value.kind !== 'static',
    goodUntil: text(value.good_until),
    refreshAfterSeconds: whole(value.refresh_after_seconds) ?? REFRESH_SECONDS,
  }
}
