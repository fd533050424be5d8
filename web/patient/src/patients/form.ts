/** The form for a new family member: what it asks, what is wrong with it, what is sent. Pure. */
import type { Word } from '../words/say'
import { mobileOf } from '../account/sign-in'
import { dayTyped, factsOfCnId, faultOfCnId, fits, isBirthDate, needsGuardian, tidied } from './documents'
import type { IdKind, Sex } from './documents'

export const RELATIONS = ['self', 'child', 'parent', 'spouse', 'other'] as const
export type Relation = (typeof RELATIONS)[number]

/** As typed. Empty where nothing was. */
export interface PatientForm {
  relation: Relation | ''
  name: string
  idKind: IdKind
  idNumber: string
  /** Asked for where the number does not tell them. */
  birthDate: string
  sex: Sex | ''
  phone: string
  guardianName: string
  guardianIdKind: IdKind
  guardianIdNumber: string
  guardianPhone: string
}

export const blankForm = (): PatientForm => ({
  relation: '',
  name: '',
  idKind: 'cn_id',
  idNumber: '',
  birthDate: '',
  sex: '',
  phone: '',
  guardianName: '',
  guardianIdKind: 'cn_id',
  guardianIdNumber: '',
  guardianPhone: '',
})

export type FormField = keyof PatientForm
export type Faults = Partial<Record<FormField, Word>>

/** The birth date that the form tells: from the number, else as typed. Empty when unknown. */
export function birthDateIn(form: PatientForm, today: string): string {
  if (form.idKind === 'cn_id')
    return faultOfCnId(form.idNumber, today) === null ? factsOfCnId(form.idNumber).birthDate : ''
  const day = dayTyped(form.birthDate)
  return isBirthDate(day, today) ? day : ''
}

export const asksGuardian = (form: PatientForm, today: string): boolean =>
  needsGuardian(birthDateIn(form, today), today)

export function faultsIn(form: PatientForm, today: string): Faults {
  const faults: Faults = {}
  if (form.relation === '') faults.relation = 'form.fault.relation'
  if (!isName(form.name)) faults.name = 'form.fault.name'
  if (mobileOf(form.phone) === null) faults.phone = 'form.fault.phone'
  const number = numberFault(form.idKind, form.idNumber, today)
  if (number) faults.idNumber = number
  if (form.idKind !== 'cn_id') {
    if (birthDateIn(form, today) === '') faults.birthDate = 'form.fault.birth_date'
    if (form.sex === '') faults.sex = 'form.fault.sex'
  }
  if (asksGuardian(form, today)) Object.assign(faults, guardianFaults(form, today))
  return faults
}

function guardianFaults(form: PatientForm, today: string): Faults {
  const faults: Faults = {}
  if (!isName(form.guardianName)) faults.guardianName = 'form.fault.name'
  if (mobileOf(form.guardianPhone) === null) faults.guardianPhone = 'form.fault.phone'
  const number = numberFault(form.guardianIdKind, form.guardianIdNumber, today)
  if (number) faults.guardianIdNumber = number
  else if (form.guardianIdKind === 'cn_id' && isMinor(form.guardianIdNumber, today))
    faults.guardianIdNumber = 'form.fault.guardian_minor'
  return faults
}

/** A guardian is of age (civil code, article 27). */
const ADULT_AT = 18

function isMinor(number: string, today: string): boolean {
  const { birthDate } = factsOfCnId(number)
  const grown = `${Number(birthDate.slice(0, 4)) + ADULT_AT}${birthDate.slice(4)}`
  return grown > today
}

function numberFault(kind: IdKind, number: string, today: string): Word | null {
  if (tidied(number) === '') return 'form.fault.id_number.empty'
  if (kind !== 'cn_id') return fits(kind, number) ? null : 'form.fault.id_number.shape'
  const fault = faultOfCnId(number, today)
  return fault === null ? null : `form.fault.id_number.${fault}`
}

const isName = (name: string): boolean => {
  const letters = name.trim()
  return letters.length >= 2 && letters.length <= 50 && !/\d/.test(letters)
}

/** The body of `POST /v1/patients` for a form without faults. */
export function patientBody(form: PatientForm, today: string): Record<string, unknown> {
  return {
    name: form.name.trim(),
    id_kind: form.idKind,
    id_number: tidied(form.idNumber),
    ...(form.idKind === 'cn_id' ? {} : { birth_date: birthDateIn(form, today), sex: form.sex }),
    phone: mobileOf(form.phone) ?? form.phone,
    relation: form.relation,
    ...(asksGuardian(form, today) ? { guardian: guardianBody(form) } : {}),
  }
}

const guardianBody = (form: PatientForm) => ({
  name: form.guardianName.trim(),
  id_kind: form.guardianIdKind,
  id_number: tidied(form.guardianIdNumber),
  phone: mobileOf(form.guardianPhone) ?? form.guardianPhone,
})

const FIELDS: Readonly<Record<string, FormField>> = {
  relation: 'relation',
  name: 'name',
  id_kind: 'idNumber',
  id_number: 'idNumber',
  birth_date: 'birthDate',
  sex: 'sex',
  phone: 'phone',
  'guardian.name': 'guardianName',
  'guardian.id_kind': 'guardianIdNumber',
  'guardian.id_number': 'guardianIdNumber',
  'guardian.phone': 'guardianPhone',
  guardian: 'guardianName',
}

/** The field of the form that the server's JSON path means; `null` when it means none. */
export const fieldMeant = (path: string): FormField | null => FIELDS[path.replace(/^\$\.?/, '')] ?? null
