/** What is asked about consultations: whom one can ask, my own, and their steps. */
import type { AskSigned } from './account'
import { listOf } from './account'
import { isJson, text, whole } from '../queue/board'

export interface Answering {
  /** A doctor's user, or empty: the department. */
  readonly user: string
  readonly department: string
  readonly departmentName: string
  readonly name: string
  readonly title: string
  readonly introduction: string
  readonly feeFen: number
  readonly turns: number
  readonly hours: number
  readonly open: boolean
  readonly whyNot: string
}

export interface Consultation {
  readonly id: string
  readonly state: string
  readonly patientName: string
  readonly doctorName: string
  readonly departmentName: string
  readonly complaint: string
  readonly feeFen: number
  readonly turnsLeft: number
  readonly acceptBy: string
  readonly expiresAt: string
  readonly summary: string
  readonly rating: number | null
  readonly refund: string
}

export interface ConsultationsApi {
  answering(): Promise<Answering[]>
  mine(): Promise<Consultation[]>
  one(id: string): Promise<Consultation>
  open(body: Record<string, unknown>): Promise<Consultation>
  /** `pay`, `cancel`, `end`, `rate`. */
  step(id: string, step: string, body?: Record<string, unknown>): Promise<Consultation>
}

type Get = (path: string) => Promise<Record<string, unknown>>

export function consultationsApi(ask: AskSigned, get: Get): ConsultationsApi {
  const of = (id: string) => `/v1/consultations/${encodeURIComponent(id)}`
  return {
    async answering() {
      const body = await get('/v1/consultations/doctors')
      return [...listOf(body.pools).map(readPool), ...listOf(body.doctors).map(readDoctor)]
    },
    async mine() {
      const body = await ask({ method: 'GET', path: '/v1/consultations?state=all' })
      return listOf(body.items).map(readConsultation)
    },
    one: async (id) => readConsultation(await ask({ method: 'GET', path: of(id) })),
    open: async (body) => readConsultation(await ask({ method: 'POST', path: '/v1/consultations', body })),
    step: async (id, step, body = {}) =>
      readConsultation(await ask({ method: 'POST', path: `${of(id)}/${step}`, body })),
  }
}

const readPool = (value: Record<string, unknown>): Answering => ({
  user: '',
  department: text(value.department),
  departmentName: text(value.name),
  name: '',
  title: '',
  introduction: '',
  feeFen: whole(value.fee_fen) ?? 0,
  turns: whole(value.turns) ?? 0,
  hours: whole(value.window_hours) ?? 0,
  open: value.open_now === true,
  whyNot: value.open_now === true ? '' : 'off_duty',
})

const readDoctor = (value: Record<string, unknown>): Answering => ({
  ...readPool(value),
  user: text(value.user),
  departmentName: text(value.department_name),
  name: text(value.name),
  title: text(value.title),
  introduction: text(value.introduction),
  whyNot: text(value.why_not),
})

function readConsultation(value: Record<string, unknown>): Consultation {
  const patient = isJson(value.patient) ? value.patient : {}
  const doctor = isJson(value.doctor) ? value.doctor : {}
  return {
    id: text(value.id),
    state: text(value.state),
    patientName: text(patient.name_masked),
    doctorName: text(doctor.name),
    departmentName: text(value.department_name),
    complaint: text(value.complaint),
    feeFen: whole(value.fee_fen) ?? 0,
    turnsLeft: whole(value.turns_left) ?? 0,
    acceptBy: text(value.accept_by),
    expiresAt: text(value.expires_at),
    summary: text(value.summary),
    rating: whole(value.rating),
    refund: text(value.refund),
  }
}
