import { describe, expect, it } from 'vitest'
import { readBoard, replaces } from '../src/queue/board'
import { callOf, dayOf, meantTicket, placeOf } from '../src/queue/place'
import { aBoard, published } from './boards'

describe('my place in a line', () => {
  const board = aBoard()

  it('counts those who are called before me, and gives the minutes of that place', () => {
    expect(placeOf(board, 'A017')).toEqual({ kind: 'waiting', ahead: 3, minutes: { low: 8, high: 15 } })
    expect(placeOf(board, 'A015')).toEqual({ kind: 'ready', ahead: 1, minutes: { low: 2, high: 6 } })
  })

  it('says where to go when called, and who is in the room', () => {
    expect(placeOf(board, 'A013')).toMatchObject({
      kind: 'called',
      calling: { roomName: '302诊室', call: 2 },
    })
    expect(placeOf(board, 'A012').kind).toBe('in_service')
  })

  it('being called wins over still being listed as waiting', () => {
    expect(placeOf(aBoard({ waiting: ['A013'] }), 'A013').kind).toBe('called')
  })

  it.each([
    ['A009', 'passed'],
    ['A010', 'suspended'],
    ['A003', 'away'],
    ['A004', 'unknown'],
    ['A099', 'absent'],
  ])('%s is %s', (ticket, kind) => expect(placeOf(board, ticket).kind).toBe(kind))

  it.each([
    ['the line has no history', { estimate: null }],
    ['the hospital has not confirmed the line', { fresh: false }],
    ['nobody is called', { open: 'paused' }],
    ['the estimate is shorter than the line', { estimate: { low: [1], high: [2] } }],
    ['the range is upside down', { estimate: { low: [1, 1, 1, 9], high: [2, 2, 2, 8] } }],
    ['the numbers are not whole', { estimate: { low: [1, 1, 1, 'x'], high: [2, 2, 2, 8] } }],
  ])('no minutes when %s', (_, change) => {
    expect(placeOf(aBoard(change), 'A017')).toMatchObject({ ahead: 3, minutes: null })
  })

  it('names each call once, so that a recall is another call and a reconnect is not', () => {
    const again = aBoard({ version: 413 })
    const recalled = aBoard({ now: [{ ...published().now[1], call: 3 }] })
    expect(callOf(board, placeOf(board, 'A013'))).toBe(callOf(again, placeOf(again, 'A013')))
    expect(callOf(recalled, placeOf(recalled, 'A013'))).not.toBe(callOf(board, placeOf(board, 'A013')))
    expect(callOf(board, placeOf(board, 'A012'))).toBeNull()
  })
})

describe('the number that was meant', () => {
  const board = aBoard()

  it.each([
    ['a017', 'A017'],
    [' A 017 ', 'A017'],
    ['A17', 'A017'],
    ['a-17', 'A017'],
    ['Ａ０１７', 'A017'],
    ['B099', 'B099'],
  ])('%s is %s', (typed, meant) => expect(meantTicket(typed, board)).toBe(meant))

  it('does not choose between two that look alike', () => {
    expect(meantTicket('A7', aBoard({ waiting: ['A07', 'A007'] }))).toBe('A7')
  })
})

describe('a board from the network', () => {
  it.each([
    null,
    'x',
    3,
    [],
    {},
    published({ version: 'x' }),
    published({ as_of: 'soon' }),
    published({ waiting: null }),
  ])('is refused when it is %j', (value) => expect(readBoard(value)).toBeNull())

  it('is not believed to be fresh unless it says so', () => {
    expect(aBoard({ fresh: undefined }).fresh).toBe(false)
  })

  it('knows of a number that stayed overnight on which day it was given', () => {
    const board = aBoard({ stayed: { A013: '2026-11-22', A099: 3 } })
    expect(dayOf(board, 'A013')).toBe('2026-11-22')
    expect(dayOf(board, 'A014')).toBe('2026-11-23')
    expect(callOf(board, placeOf(board, 'A013'))).toBe('L0301:2026-11-22:A013:2')
    expect(aBoard({ stayed: null }).stayed).toEqual({})
  })

  it('replaces an older version or confirmation, never a newer one', () => {
    const held = aBoard()
    expect(replaces(aBoard({ version: 413 }), held)).toBe(true)
    expect(replaces(aBoard({ version: 411, as_of: '2026-11-23T09:40:00+08:00' }), held)).toBe(false)
    expect(replaces(aBoard({ as_of: '2026-11-23T09:31:20+08:00' }), held)).toBe(true)
    expect(replaces(aBoard({ as_of: '2026-11-23T09:31:00+08:00' }), held)).toBe(false)
    const back = aBoard({ version: 413, day: '2026-11-22' })
    expect(replaces(back, held), 'the hospital took its date back').toBe(true)
    expect(replaces(held, null)).toBe(true)
  })
})
