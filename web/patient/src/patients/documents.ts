/**
 * Identity documents as a phone checks them, so that a slip of the finger is told at once. The server decides.
 *
 * The resident id number is GB 11643: six digits of region, the birth date, a sequence whose last digit tells
 * the sex, and a check character (ISO 7064, MOD 11-2). Days are texts like `2015-03-09`. Pure.
 */
export const ID_KINDS = [
  'cn_id',
  'passport',
  'hk_macau',
  'taiwan',
  'foreign_permanent',
  'birth_certificate',
  'other',
] as const
export type IdKind = (typeof ID_KINDS)[number]
export type Sex = 'male' | 'female'

/** Under this age a guardian is named (PIPL, article 31). */
export const GUARDIAN_UNDER = 14
/** Nobody is older. */
const OLDEST = 130

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
const CHECKS = '10X98765432'

export type CnIdFault = 'length' | 'birth_date' | 'check_digit'

/** What is wrong with a resident id number; `null` when nothing is. */
export function faultOfCnId(number: string, today: string): CnIdFault | null {
  const typed = tidied(number)
  if (!/^\d{17}[\dX]$/.test(typed)) return 'length'
  if (!isBirthDate(birthOf(typed), today)) return 'birth_date'
  return checkOf(typed) === typed[17] ? null : 'check_digit'
}

export function checkOf(number: string): string {
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(number[at]), 0)
  return CHECKS[sum % 11]!
}

/** Birth date and sex of a number without a fault. */
export function factsOfCnId(number: string): { birthDate: string; sex: Sex } {
  const typed = tidied(number)
  return { birthDate: birthOf(typed), sex: Number(typed[16]) % 2 === 1 ? 'male' : 'female' }
}

/** What the other documents look like. Loose: countries and years differ, and the server looks again. */
const SHAPES: Readonly<Record<Exclude<IdKind, 'cn_id'>, RegExp>> = {
  passport: /^[A-Z0-9]{5,20}$/,
  hk_macau: /^[A-Z0-9]{8,12}$/,
  taiwan: /^[A-Z0-9]{8,12}$/,
  foreign_permanent: /^[A-Z0-9]{15,18}$/,
  birth_certificate: /^[A-Z]\d{9}$/,
  other: /^[A-Z0-9-]{4,32}$/,
}

export const fits = (kind: Exclude<IdKind, 'cn_id'>, number: string): boolean =>
  SHAPES[kind].test(tidied(number))

/** A number as it is sent: no spaces, capital letters. */
export const tidied = (number: string): string => number.replace(/\s/g, '').toUpperCase()

/** A day as people type it: `2015-03-09`, `2015/3/9`, `20150309`, `2015年3月9日`. Empty when it is none. */
export function dayTyped(typed: string): string {
  const found = /^\s*(\d{4})(?:\D{0,2}(\d{2})\D{0,2}(\d{2})|\D{1,2}(\d{1,2})\D{1,2}(\d{1,2}))\D?\s*$/.exec(
    typed,
  )
  if (found === null) return ''
  const [, year, month = found[4], day = found[5]] = found
  const written = `${year}-${month!.padStart(2, '0')}-${day!.padStart(2, '0')}`
  return isDay(written) ? written : ''
}

export const isBirthDate = (day: string, today: string): boolean =>
  isDay(day) && day <= today && Number(today.slice(0, 4)) - Number(day.slice(0, 4)) <= OLDEST

/** Whole years lived on a day. Who is born on 29 February has a birthday on 1 March in other years. */
export function ageOn(day: string, birthDate: string): number {
  const years = Number(day.slice(0, 4)) - Number(birthDate.slice(0, 4))
  return day.slice(5) < birthDate.slice(5) ? years - 1 : years
}

export const needsGuardian = (birthDate: string, today: string): boolean =>
  birthDate !== '' && ageOn(today, birthDate) < GUARDIAN_UNDER

const birthOf = (number: string): string =>
  `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`

function isDay(day: string): boolean {
  const [year, month, date] = day.split('-').map(Number)
  if (!year || !month || !date || month > 12) return false
  return date <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}
