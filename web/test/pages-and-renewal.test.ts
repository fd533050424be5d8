import { describe, expect, it } from 'vitest'
import { pageOf, paginate } from '../screen/pages'
import { AGAIN_SECONDS, PATIENCE_SECONDS, QUIET_SECONDS, shouldRenew, type Renewal } from '../screen/renewal'

describe('pages', () => {
  it('are filled evenly', () => {
    expect(paginate([1, 2, 3, 4, 5, 6, 7, 8, 9], 8).map((page) => page.length)).toEqual([5, 4])
    expect(paginate([1, 2], 8)).toEqual([[1, 2]])
    expect(paginate([], 8)).toEqual([[]])
    expect(paginate([1, 2], 0)).toEqual([[1], [2]])
  })

  it('lose and repeat nothing', () => {
    for (let count = 0; count < 40; count++) {
      for (let fit = 1; fit < 12; fit++) {
        const items = Array.from({ length: count }, (_, index) => index)
        const pages = paginate(items, fit)
        expect(pages.flat()).toEqual(items)
        expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(fit)
      }
    }
  })

  it('can be found by what is on them', () => {
    expect(pageOf([[1, 2], [3]], (item) => item === 3)).toBe(1)
    expect(pageOf([[1, 2], [3]], (item) => item === 4)).toBeNull()
  })
})

describe('a screen reloads itself for a new build', () => {
  const now = 1_000_000_000
  const idle: Renewal = {
    shown: 'a',
    offered: 'b',
    offeredAt: now,
    lastCallAt: now - (QUIET_SECONDS + 1) * 1000,
    busy: false,
    tried: null,
  }

  it('at a quiet moment', () => expect(shouldRenew(idle, now)).toBe(true))
  it('not for the build it is', () => expect(shouldRenew({ ...idle, offered: 'a' }, now)).toBe(false))
  it('not while it speaks', () => expect(shouldRenew({ ...idle, busy: true }, now)).toBe(false))
  it('not when somebody was just called', () => {
    expect(shouldRenew({ ...idle, lastCallAt: now - 1000 }, now)).toBe(false)
  })
  it('in a hall that is never quiet after some patience', () => {
    const late = now + (PATIENCE_SECONDS + 1) * 1000
    expect(shouldRenew({ ...idle, lastCallAt: late }, late)).toBe(true)
  })
  it('not again and again when the server does not serve what it announces', () => {
    const tried = { build: 'b', at: now - 1000 }
    expect(shouldRenew({ ...idle, tried }, now)).toBe(false)
    expect(shouldRenew({ ...idle, tried }, now + AGAIN_SECONDS * 1000)).toBe(true)
    expect(shouldRenew({ ...idle, tried: { build: 'other', at: now } }, now)).toBe(true)
  })
  it('never when either build is unknown', () => {
    expect(shouldRenew({ ...idle, shown: '' }, now)).toBe(false)
    expect(shouldRenew({ ...idle, offered: '' }, now)).toBe(false)
  })
})
