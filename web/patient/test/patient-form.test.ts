import { describe, expect, it } from 'vitest'
import {
  ageOn,
  checkOf,
  dayTyped,
  factsOfCnId,
  faultOfCnId,
  fits,
  needsGuardian,
} from '../src/patients/documents'
import { asksGuardian, blankForm, faultsIn, fieldMeant, patientBody } from '../src/patients/form'
import type { PatientForm } from '../src/patients/form'

const TODAY = '2026-11-26'
/** A number with its check digit put right. */
const numbered = (seventeen: string) => seventeen + checkOf(seventeen)
const ADULT = numbered('11010519491231002')
const CHILD = numbered('33010620190315001')

describe('a resident id number', () => {
  it.each([
    ['11010519491231002X', null], // the example of GB 11643
    ['11010519491231002x', null],
    ['110105 19491231 002X', null],
    ['440524188001010014', 'birth_date'], // nobody is 146
    ['110105194912310021', 'check_digit'],
    ['11010519491231002', 'length'],
    ['11010519491231002XX', 'length'],
    ['1101051949123100AX', 'length'],
    ['', 'length'],
    [numbered('11010520230229002'), 'birth_date'],
    [numbered('11010520271126002'), 'birth_date'],
  ])('%s', (number, fault) => expect(faultOfCnId(number, TODAY)).toBe(fault))

  it('tells birth date and sex', () => {
    expect(factsOfCnId('11010519491231002X')).toEqual({ birthDate: '1949-12-31', sex: 'female' })
    expect(factsOfCnId(numbered('33010620190315001'))).toEqual({ birthDate: '2019-03-15', sex: 'male' })
  })

  it('has no single slip of a digit that stays unnoticed', () => {
    for (let at = 0; at < 17; at++)
      for (let digit = 0; digit < 10; digit++) {
        const slipped = ADULT.slice(0, at) + String(digit) + ADULT.slice(at + 1)
        if (slipped !== ADULT) expect(faultOfCnId(slipped, TODAY)).not.toBe(null)
      }
  })

  it('has no two neighbours swapped unnoticed', () => {
    for (let at = 0; at < 16; at++) {
      const swapped = ADULT.slice(0, at) + ADULT[at + 1]! + ADULT[at]! + ADULT.slice(at + 2)
      if (swapped !== ADULT) expect(faultOfCnId(swapped, TODAY)).not.toBe(null)
    }
  })
})

describe('a day as people type it', () => {
  it.each([
    ['1980-01-02', '1980-01-02'],
    ['19800102', '1980-01-02'],
    ['1980/1/2', '1980-01-02'],
    ['1980年1月2日', '1980-01-02'],
    ['1980.01.02', '1980-01-02'],
    ['1980-02-30', ''],
    ['1980-13-01', ''],
    ['80-01-02', ''],
    ['', ''],
  ])('%s', (typed, day) => expect(dayTyped(typed)).toBe(day))
})

describe('an age', () => {
  it.each([
    ['2026-11-26', '2012-11-26', 14],
    ['2026-11-25', '2012-11-26', 13],
    ['2027-02-28', '2012-02-29', 14],
    ['2026-02-28', '2012-02-29', 13],
    ['2026-03-01', '2012-02-29', 14],
  ])('on %s of who is born %s', (day, born, age) => expect(ageOn(day, born)).toBe(age))

  it('under 14 asks for a guardian, from 14 on not', () => {
    expect(needsGuardian('2012-11-27', TODAY)).toBe(true)
    expect(needsGuardian('2012-11-26', TODAY)).toBe(false)
    expect(needsGuardian('', TODAY)).toBe(false)
  })
})

describe('other documents', () => {
  it.each([
    ['passport', 'E12345678', true],
    ['passport', '护照', false],
    ['hk_macau', 'H12345678', true],
    ['taiwan', '12345678', true],
    ['birth_certificate', 'T330012345', true],
    ['birth_certificate', '330012345', false],
  ] as const)('%s %s', (kind, number, fitting) => expect(fits(kind, number)).toBe(fitting))
})

describe('the form', () => {
  const filled = (change: Partial<PatientForm> = {}): PatientForm => ({
    ...blankForm(),
    relation: 'self',
    name: '王小明',
    idNumber: ADULT,
    phone: '138 0013 8000',
    ...change,
  })
  const guardian = {
    guardianName: '王大明',
    guardianIdNumber: ADULT,
    guardianPhone: '13800138000',
  }

  it('is blank of everything that must be there', () =>
    expect(Object.keys(faultsIn(blankForm(), TODAY)).sort()).toEqual([
      'idNumber',
      'name',
      'phone',
      'relation',
    ]))

  it('sends what was typed, tidied, and nothing more', () => {
    expect(faultsIn(filled(), TODAY)).toEqual({})
    expect(patientBody(filled({ idNumber: '11010519491231002x', name: ' 王小明 ' }), TODAY)).toEqual({
      name: '王小明',
      id_kind: 'cn_id',
      id_number: '11010519491231002X',
      phone: '13800138000',
      relation: 'self',
    })
  })

  it('asks for birth date and sex where the number does not tell them', () => {
    const foreign = filled({ idKind: 'passport', idNumber: 'e12345678' })
    expect(Object.keys(faultsIn(foreign, TODAY)).sort()).toEqual(['birthDate', 'sex'])
    const whole = { ...foreign, birthDate: '1980/1/2', sex: 'male' as const }
    expect(patientBody(whole, TODAY)).toMatchObject({
      birth_date: '1980-01-02',
      sex: 'male',
      id_number: 'E12345678',
    })
  })

  it('asks for a guardian as soon as the number tells a child', () => {
    const child = filled({ relation: 'child', idNumber: CHILD })
    expect(asksGuardian(child, TODAY)).toBe(true)
    expect(Object.keys(faultsIn(child, TODAY)).sort()).toEqual([
      'guardianIdNumber',
      'guardianName',
      'guardianPhone',
    ])
    expect(faultsIn({ ...child, ...guardian }, TODAY)).toEqual({})
    expect(patientBody({ ...child, ...guardian }, TODAY).guardian).toEqual({
      name: '王大明',
      id_kind: 'cn_id',
      id_number: ADULT,
      phone: '13800138000',
    })
  })

  it('takes no guardian who is a child', () => {
    const child = filled({
      relation: 'child',
      idNumber: CHILD,
      ...guardian,
      guardianIdNumber: numbered('33010620090315001'),
    })
    expect(faultsIn(child, TODAY)).toEqual({ guardianIdNumber: 'form.fault.guardian_minor' })
  })

  it('sends no guardian who was typed for a number that has changed', () =>
    expect(patientBody(filled(guardian), TODAY)).not.toHaveProperty('guardian'))

  it.each([
    ['$.id_number', 'idNumber'],
    ['id_number', 'idNumber'],
    ['$.guardian.phone', 'guardianPhone'],
    ['$.guardian', 'guardianName'],
    ['$.elsewhere', null],
  ])('knows the field %s', (path, field) => expect(fieldMeant(path)).toBe(field))
})
