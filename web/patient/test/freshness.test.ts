import { describe, expect, it } from 'vitest'
import { ageIn, ageSeconds, clockIn, freshnessOf, skewOf } from '../src/queue/freshness'
import { aBoard } from './boards'

const AT = Date.parse('2026-11-23T09:31:04.120+08:00')
const heard = (change = {}) => ({ board: aBoard(change), at: AT, skew: 0 })

describe('freshness', () => {
  it('is live while connected, confirmed and heard of', () => {
    expect(freshnessOf(heard(), 'connected', AT + 44_000)).toBe('live')
  })

  it('says so when nothing was heard for 45 seconds, whatever the socket believes', () => {
    expect(freshnessOf(heard(), 'connected', AT + 45_001)).toBe('silent')
  })

  it('tells a lost connection from a hospital that does not confirm', () => {
    expect(freshnessOf(heard(), 'connecting', AT + 1000)).toBe('reconnecting')
    expect(freshnessOf(heard({ fresh: false }), 'connected', AT + 1000)).toBe('unconfirmed')
  })
})

describe('age', () => {
  it('is counted by the server clock, on a phone whose clock is wrong', () => {
    const phone = AT - 600_000
    const skew = skewOf('2026-11-23T09:31:05.120+08:00', phone)
    expect(ageSeconds({ board: aBoard(), at: phone, skew }, phone + 9_000)).toBe(10)
  })

  it('is never negative', () => expect(ageSeconds(heard(), AT - 5_000)).toBe(0))

  it.each([
    [3, 'now', 0],
    [59, 'seconds', 59],
    [125, 'minutes', 2],
    [7300, 'hours', 2],
  ])('%d s is said as %s', (seconds, unit, n) => expect(ageIn(seconds)).toEqual({ unit, n }))

  it('shows the hospital clock, wherever the phone is', () => {
    expect(clockIn('2026-11-23T09:31:04.120+08:00')).toBe('09:31:04')
  })
})
