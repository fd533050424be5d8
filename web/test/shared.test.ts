import { describe, expect, it } from 'vitest'
import { hourMinute, isoDay, offsetMinutes, ServerClock, wallTime } from '../shared/clock'
import { freshness, worst } from '../shared/freshness'
import { isNewer, replacesAll } from '../shared/newer'
import { STALE_SECONDS } from '../shared/server-limits'
import { aBoard, at, NOON } from './samples'

describe('which state is newer', () => {
  it('the higher version, then the later confirmation', () => {
    const known = aBoard({ version: 5 })
    expect(isNewer(aBoard({ version: 6, as_of: at(-60) }), known)).toBe(true)
    expect(isNewer(aBoard({ version: 4, as_of: at(60) }), known)).toBe(false)
    expect(isNewer(aBoard({ version: 5, as_of: at(15) }), known)).toBe(true)
    expect(isNewer(aBoard({ version: 5 }), known)).toBe(false)
    expect(isNewer(known, undefined)).toBe(true)
  })

  it('compares times, not texts: the same instant in another zone is the same', () => {
    const known = aBoard({ as_of: '2026-11-23T12:00:00+08:00' })
    expect(isNewer(aBoard({ as_of: '2026-11-23T04:00:00Z' }), known)).toBe(false)
  })

  it('the same confirmation that meanwhile is overdue', () => {
    expect(isNewer(aBoard({ fresh: false }), aBoard())).toBe(true)
  })

  it('a snapshot replaces all unless a publication overtook it', () => {
    expect(replacesAll({ offset: 3, epoch: 'a' }, null)).toBe(true)
    expect(replacesAll({ offset: 3, epoch: 'a' }, { offset: 4, epoch: 'a' })).toBe(false)
    expect(replacesAll({ offset: 4, epoch: 'a' }, { offset: 4, epoch: 'a' })).toBe(true)
    expect(replacesAll({ offset: 1, epoch: 'b' }, { offset: 4, epoch: 'a' })).toBe(true)
  })
})

describe('freshness', () => {
  const heard = { asOf: at(0), fresh: true, heardAt: NOON }

  it('is live while the server speaks and the hospital confirms', () => {
    expect(freshness(heard, NOON + STALE_SECONDS * 1000)).toEqual({
      trust: 'live',
      ageSeconds: STALE_SECONDS,
    })
  })

  it('is silent after the limit, whatever the last word was', () => {
    expect(freshness(heard, NOON + STALE_SECONDS * 1000 + 1).trust).toBe('silent')
  })

  it('shows the age of the truth, not of the message', () => {
    expect(freshness({ asOf: at(-300), fresh: false, heardAt: NOON }, NOON)).toEqual({
      trust: 'unconfirmed',
      ageSeconds: 300,
    })
  })

  it('never shows a negative or missing age', () => {
    expect(freshness({ ...heard, asOf: at(5) }, NOON).ageSeconds).toBe(0)
    expect(freshness({ ...heard, asOf: 'garbage' }, NOON + 2000).ageSeconds).toBe(2)
  })

  it('of many lines the least trusted counts, and of those the oldest', () => {
    const found = worst([
      { trust: 'live', ageSeconds: 90 },
      { trust: 'unconfirmed', ageSeconds: 20 },
      { trust: 'unconfirmed', ageSeconds: 40 },
    ])
    expect(found).toEqual({ trust: 'unconfirmed', ageSeconds: 40 })
    expect(worst([])).toEqual({ trust: 'live', ageSeconds: 0 })
  })
})

describe('the hospital clock', () => {
  it('runs on from the server, in the zone of the server, whatever the box believes', () => {
    let steady = 1000
    const clock = new ServerClock(() => steady, 0, 0)
    clock.hear('2026-11-23T23:59:58.000+08:00')
    steady += 1500
    expect(hourMinute(clock.wall())).toBe('23:59')
    expect(isoDay(clock.wall())).toBe('2026-11-23')
    steady += 1000
    expect(isoDay(clock.wall())).toBe('2026-11-24')
  })

  it('counts half of the way the answer took', () => {
    const clock = new ServerClock(() => 0, 0, 0)
    clock.hear('2026-11-23T00:00:00Z', 400)
    expect(clock.now()).toBe(Date.parse('2026-11-23T00:00:00Z') + 200)
  })

  it('ignores a time it cannot read', () => {
    const clock = new ServerClock(() => 0, 5, 0)
    clock.hear('soon')
    expect(clock.now()).toBe(5)
  })

  it('reads offsets', () => {
    expect([offsetMinutes('…+08:00'), offsetMinutes('…-03:30'), offsetMinutes('…Z')]).toEqual([480, -210, 0])
    expect(wallTime(0, 480)).toMatchObject({ year: 1970, month: 1, day: 1, weekday: 4, hour: 8 })
  })
})
