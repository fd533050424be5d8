import { describe, expect, it } from 'vitest'
import {
  commandPath,
  inRoom,
  keepSelection,
  KEYS,
  offered,
  offeredForRoom,
  TABS,
  ticketsOf,
  type Action,
} from '../doctor/actions'
import { HELD_SECONDS, stillMeant } from '../doctor/held'
import type { TicketState } from '../shared/contract'
import { aLine, aTicket } from './samples'

const STATES: TicketState[] = [
  'booked',
  'waiting',
  'ready',
  'called',
  'in_service',
  'awaiting_result',
  'passed',
  'suspended',
  'done',
  'no_show',
  'transferred',
  'abandoned',
  'cancelled',
  'unknown',
]

describe('what the desk offers', () => {
  it('is nothing on a mirrored line', () => {
    for (const state of STATES) expect(offered(aTicket('A001', { state }), 'mirror')).toEqual([])
    expect(offeredForRoom({ id: 'R', name: 'R', state: 'open' }, 'mirror')).toEqual([])
  })

  it('never gives one key two meanings for the same patient', () => {
    for (const state of STATES) {
      const keys = offered(aTicket('A001', { state }), 'own').map((action) => KEYS[action])
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  it('leaves those alone whose visit has ended', () => {
    for (const state of ['done', 'no_show', 'transferred', 'abandoned', 'cancelled'] as const) {
      expect(offered(aTicket('A001', { state }), 'own')).toEqual([])
    }
  })

  it('opens a closed room and pauses an open one', () => {
    expect(offeredForRoom({ id: 'R', name: 'R', state: 'closed' }, 'own')).toEqual(['open'])
    expect(offeredForRoom({ id: 'R', name: 'R', state: 'open' }, 'own')).toEqual(['pause', 'close'])
    expect(offeredForRoom(null, 'own')).toEqual([])
  })

  it('shows every ticket either in a room or in exactly one list', () => {
    const line = aLine(STATES.map((state) => aTicket(state, { state })))
    const listed = TABS.flatMap((tab) => ticketsOf(line, tab)).map((each) => each.number)
    expect([...listed, 'called', 'in_service'].sort()).toEqual([...STATES].sort())
  })

  it('lists those who wait in the order of the line', () => {
    const line = aLine([
      aTicket('B', { ahead: 2 }),
      aTicket('A', { ahead: 0 }),
      aTicket('C', { ahead: 1, state: 'ready' }),
    ])
    expect(ticketsOf(line, 'waiting').map((each) => each.number)).toEqual(['A', 'C', 'B'])
  })

  it('knows who is in the room', () => {
    const line = aLine([
      aTicket('A', { state: 'called', room: 'R2' }),
      aTicket('B', { state: 'in_service', room: 'R1' }),
    ])
    expect(inRoom(line, 'R1')?.number).toBe('B')
    expect(inRoom(line, 'R3')).toBeNull()
  })
})

it('commands go where the contract says', () => {
  const cases: [Action, string][] = [
    ['call-next', 'call-next'],
    ['check-in', 'check-in'],
    ['pass-over', 'tickets/A017/pass-over'],
    ['open', 'rooms/R301/open'],
  ]
  for (const [action, path] of cases) expect(commandPath(action, { ticket: 'A017', room: 'R301' })).toBe(path)
  expect(commandPath('recall', { ticket: 'A/1' })).toBe('tickets/A%2F1/recall')
})

describe('the selection', () => {
  const [a, b, c] = ['A', 'B', 'C'].map((number) => aTicket(number)) as [
    ReturnType<typeof aTicket>,
    ReturnType<typeof aTicket>,
    ReturnType<typeof aTicket>,
  ]
  it('stays with the patient wherever the patient moves', () => {
    expect(keepSelection([a, b, c], [c, b, a], 'A')).toBe('A')
  })
  it('goes to whoever took the place of the one who left', () => {
    expect(keepSelection([a, b, c], [a, c], 'B')).toBe('C')
    expect(keepSelection([a, b, c], [a, b], 'C')).toBe('B')
  })
  it('begins with the first and ends with none', () => {
    expect(keepSelection([], [a, b], null)).toBe('A')
    expect(keepSelection([a], [], 'A')).toBeNull()
  })
})

describe('a key pressed while an answer is on its way', () => {
  const key = (ticket: string | null | undefined) => ({ letter: 'S', ticket, at: 1000 })

  it('is carried out for whom it was meant, or for who is in the room by then', () => {
    expect(stillMeant(key('A1'), 1500, 'A1', null)).toBe(true)
    expect(stillMeant(key(null), 1500, null, 'A1')).toBe(true)
    expect(stillMeant(key(undefined), 1500, 'A1', 'A1')).toBe(true)
  })
  it('is never carried out for somebody else', () => {
    expect(stillMeant(key('A1'), 1500, 'A2', 'A2')).toBe(false)
    expect(stillMeant(key(undefined), 1500, 'A2', 'A1')).toBe(false)
    expect(stillMeant(key(undefined), 1500, null, 'A1')).toBe(false)
    expect(stillMeant(key('A1'), 1500, undefined, 'A1')).toBe(false)
  })
  it('is not carried out after seconds', () => {
    expect(stillMeant(key('A1'), 1000 + HELD_SECONDS * 1000, 'A1', null)).toBe(true)
    expect(stillMeant(key('A1'), 1001 + HELD_SECONDS * 1000, 'A1', null)).toBe(false)
  })
})
