import { describe, expect, it } from 'vitest'
import type { ScreenCall } from '../shared/contract'
import { SEEN_SECONDS, Witness } from '../screen/witness'
import { aCall, aPart, at, NOON } from './samples'

const id = (number: string): string => `L0301:2026-11-23:${number}:1`
const heard = (seconds: number, ...now: ScreenCall[]) => [
  { part: aPart({ now }), heardAt: NOON + seconds * 1000 },
]
const HOURS_AHEAD = at(6 * 3600)
const MINUTES_BEHIND = at(-600)

describe('a call that was seen to appear is new', () => {
  for (const called_at of [HOURS_AHEAD, MINUTES_BEHIND, null]) {
    it(`whatever the hospital's clock says: ${called_at}`, () => {
      const witness = new Witness()
      witness.look(heard(0), NOON)
      witness.look(heard(9, aCall({ called_at })), NOON + 9000)
      expect(witness.calledAt(id('A017'))).toBe(NOON + 9000)
    })
  }

  it('and its time stays while it is shown, and is forgotten with it', () => {
    const witness = new Witness()
    witness.look(heard(0), NOON)
    witness.look(heard(9, aCall()), NOON + 9000)
    witness.look(heard(24, aCall()), NOON + 24_000)
    expect(witness.calledAt(id('A017'))).toBe(NOON + 9000)
    witness.look(heard(30), NOON + 30_000)
    expect(witness.calledAt(id('A017'))).toBeNull()
  })
})

describe('at a start or after a silence the time of the call has to do', () => {
  it('a plausible one is believed', () => {
    const witness = new Witness()
    witness.look(heard(0, aCall({ called_at: at(-30) })), NOON)
    expect(witness.calledAt(id('A017'))).toBe(NOON - 30_000)
  })

  it('one a little ahead of us is now', () => {
    const witness = new Witness()
    witness.look(heard(0, aCall({ called_at: at(20) })), NOON)
    expect(witness.calledAt(id('A017'))).toBe(NOON)
  })

  it('an old, impossible or missing one counts as old', () => {
    for (const called_at of [at(-SEEN_SECONDS - 1), HOURS_AHEAD, MINUTES_BEHIND, null]) {
      const witness = new Witness()
      witness.look(heard(0, aCall({ called_at })), NOON)
      expect(witness.calledAt(id('A017'))).toBeNull()
    }
  })

  it('a call made somewhere in a long silence is not taken as made just now', () => {
    const witness = new Witness()
    witness.look(heard(0), NOON)
    witness.look(heard(300, aCall({ called_at: MINUTES_BEHIND })), NOON + 300_000)
    expect(witness.calledAt(id('A017'))).toBeNull()
  })
})

it('puts the calls it saw first, then the others by the hospital time, then those without one', () => {
  const witness = new Witness()
  const old = [aCall({ number: 'A1', called_at: null }), aCall({ number: 'A2', called_at: HOURS_AHEAD })]
  witness.look(heard(0, ...old), NOON)
  const all = [...old, aCall({ number: 'A3', called_at: MINUTES_BEHIND })]
  witness.look(heard(5, ...all), NOON + 5000)
  const placed = all.map((call) => ({ call, part: aPart() }))
  expect(witness.inOrder(placed).map(({ call }) => call.number)).toEqual(['A3', 'A2', 'A1'])
})
