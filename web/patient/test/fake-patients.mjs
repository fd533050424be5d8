/** Family members and health cards of the fake server's accounts. */
import { randomBytes, randomUUID } from 'node:crypto'
import { fakeCode, masked } from './fake-papers.mjs'
import { refuse } from './fake-refusals.mjs'

/** `needs(user, kind)` refuses where that consent is missing; `state.cardSeconds` is the life of a code. */
export function patientRoutes(state, needs) {
  const mine = (user, id) => user.patients.find((each) => each.id === id) ?? refuse(404, 'patients.none')
  const cardOf = (user, patient) => {
    needs(user, 'sensitive_health')
    return patient.card ? { state: 'issued', ...patient.card } : { state: 'none' }
  }

  return {
    'GET /v1/patients': ({ user }) => ({ patients: user.patients.map(listed), limit: 5 }),
    'POST /v1/patients': ({ user, body, key }) => {
      needs(user, 'sensitive_health')
      const again = user.patients.find((each) => key && each.key === key)
      if (again) return listed(again)
      if (user.patients.some((each) => each.given.id_number === body.id_number))
        refuse(409, 'patients.same_person')
      if (user.patients.length >= 5) refuse(409, 'patients.too_many', { params: { limit: 5 } })
      if (/^00/.test(body.id_number)) refuse(422, 'patients.id_region', { field: '$.id_number' })
      const patient = {
        id: randomUUID(),
        key,
        given: body,
        isDefault: user.patients.length === 0,
        card: null,
      }
      user.patients.push(patient)
      return [201, listed(patient)]
    },
    'GET /v1/patients/:': ({ user, ids: [id] }) => listed(mine(user, id)),
    'POST /v1/patients/:/reveal': ({ user, ids: [id] }) => {
      const { given } = mine(user, id)
      return { id, ...given, birth_date: masked.born(given) }
    },
    'POST /v1/patients/:/unbind': ({ user, ids: [id] }) => {
      user.patients = user.patients.filter((each) => each !== mine(user, id))
      return {}
    },
    'POST /v1/patients/:/default': ({ user, ids: [id] }) => {
      mine(user, id)
      for (const each of user.patients) each.isDefault = each.id === id
      return {}
    },
    'GET /v1/patients/:/health-card': ({ user, ids: [id] }) => cardOf(user, mine(user, id)),
    'POST /v1/patients/:/health-card': ({ user, ids: [id] }) => {
      needs(user, 'sensitive_health')
      const patient = mine(user, id)
      patient.card ??= { issuer: '省卫生健康委', card_masked: '3300********0018' }
      return cardOf(user, patient)
    },
    'POST /v1/patients/:/health-card/code': ({ user, ids: [id] }) => {
      needs(user, 'sensitive_health')
      if (!mine(user, id).card) refuse(404, 'health_card.none')
      return {
        ...fakeCode(`${randomBytes(32).toString('hex')}:0:${randomBytes(16).toString('hex')}:HZ`),
        kind: 'dynamic',
        good_until: new Date(Date.now() + (state.cardSeconds + 10) * 1000).toISOString(),
        refresh_after_seconds: state.cardSeconds,
      }
    },
  }
}

function listed({ id, given, isDefault, card }) {
  return {
    id,
    name_masked: masked.name(given.name),
    id_kind: given.id_kind,
    id_masked: masked.id(given.id_number),
    phone_masked: masked.phone(given.phone),
    relation: given.relation,
    sex: masked.sex(given),
    birth_year: Number(masked.born(given).slice(0, 4)),
    is_default: isDefault,
    ...(given.guardian
      ? {
          guardian: {
            name_masked: masked.name(given.guardian.name),
            id_masked: masked.id(given.guardian.id_number),
            phone_masked: masked.phone(given.guardian.phone),
          },
        }
      : {}),
    in_hospital: true,
    hospital_state: 'found',
    health_card: card === null ? 'none' : 'issued',
  }
}
