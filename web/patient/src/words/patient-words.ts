/** Words for what the server says of a person: relation, sex, kind of document, standing in the hospital. Pure. */
import { ID_KINDS } from '../patients/documents'
import type { IdKind } from '../patients/documents'
import { RELATIONS } from '../patients/form'
import type { Relation } from '../patients/form'
import type { Word } from './say'

export const relationWord = (relation: string): Word =>
  `patients.relation.${(RELATIONS as readonly string[]).includes(relation) ? (relation as Relation) : 'other'}`

export const sexWord = (sex: string): Word =>
  sex === 'male' || sex === 'female' ? `patients.sex.${sex}` : 'say.unknown'

export const idKindWord = (kind: string): Word =>
  `patients.id_kind.${(ID_KINDS as readonly string[]).includes(kind) ? (kind as IdKind) : 'other'}`

const STANDINGS = ['found', 'pending', 'unknown', 'refused'] as const

export function hospitalWord(standing: string): Word {
  const known = STANDINGS.find((each) => each === standing)
  return `patient.hospital.${known ?? 'pending'}`
}
