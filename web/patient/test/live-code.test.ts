/** The code of a health card: fresh while it is looked at, gone when it is not, never shown past its end. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Problem, Unreachable } from '../src/api/ask'
import type { CardCode } from '../src/api/patients'
import { LiveCode } from '../src/card/live-code'
import type { Showing } from '../src/card/live-code'
import { base64, svgAddress } from '../src/card/picture'
import { swipeOf } from '../src/card/swipe'

class Clock {
  now = 0
  private timers: { at: number; act: () => void }[] = []

  later = (milliseconds: number, act: () => void) => {
    const timer = { at: this.now + milliseconds, act }
    this.timers.push(timer)
    return () => void (this.timers = this.timers.filter((each) => each !== timer))
  }

  get waiting(): number {
    return this.timers.length
  }

  /** Let so many seconds pass, one by one, with everything that falls due. */
  async pass(seconds: number): Promise<void> {
    const end = this.now + seconds * 1000
    for (;;) {
      await new Promise((done) => setImmediate(done))
      const next = this.timers.filter((each) => each.at <= end).sort((one, other) => one.at - other.at)[0]
      if (!next) break
      this.timers = this.timers.filter((each) => each !== next)
      this.now = next.at
      next.act()
    }
    this.now = end
  }
}

let clock: Clock
let seen: Showing[]
let asked: number
let answer: () => Promise<CardCode>

const aCode = (change: Partial<CardCode> = {}): CardCode => ({
  text: `code-${asked}`,
  svg: '<svg/>',
  dynamic: true,
  goodUntil: new Date(clock.now + 70_000).toISOString(),
  refreshAfterSeconds: 60,
  ...change,
})

const looking = (skew = 0) => {
  const code = new LiveCode(
    {
      ask: () => {
        asked += 1
        return answer()
      },
      now: () => clock.now + skew,
      later: clock.later,
    },
    (showing) => seen.push(showing),
  )
  code.wake()
  return code
}
const last = () => seen.at(-1)!
const text = () => {
  const showing = last()
  return showing.kind === 'shown' ? showing.code.text : showing.kind
}

beforeEach(() => {
  clock = new Clock()
  seen = []
  asked = 0
  answer = () => Promise.resolve(aCode())
})

describe('the code', () => {
  it('is asked for, counted down, and asked for again before it ends', async () => {
    looking()
    expect(last()).toEqual({ kind: 'asking' })
    await clock.pass(10)
    expect(last()).toMatchObject({ kind: 'shown', secondsLeft: 50, late: false })
    await clock.pass(49)
    expect([text(), asked]).toEqual(['code-1', 1])
    await clock.pass(2)
    expect([text(), asked]).toEqual(['code-2', 2])
  })

  it('leaves nothing behind when nobody looks', async () => {
    const code = looking()
    await clock.pass(5)
    code.rest()
    expect(clock.waiting).toBe(0)
    await clock.pass(200)
    expect(asked).toBe(1)
    code.wake()
    await clock.pass(1)
    expect([text(), asked]).toEqual(['code-2', 2])
  })

  it('is not shown by an answer that comes after nobody looks any more', async () => {
    let give: (code: CardCode) => void = () => undefined
    answer = () => new Promise((done) => (give = done))
    const code = looking()
    code.rest()
    give(aCode())
    await clock.pass(5)
    expect(seen).toEqual([{ kind: 'asking' }])
  })

  it('stays while it holds when the network goes, says so, and goes at its end', async () => {
    looking()
    await clock.pass(5)
    answer = () => Promise.reject(new Unreachable())
    await clock.pass(57)
    expect(last()).toMatchObject({ kind: 'shown', late: true, secondsLeft: 0 })
    await clock.pass(10)
    expect(last()).toEqual({ kind: 'offline' })
    answer = () => Promise.resolve(aCode())
    await clock.pass(15)
    expect(last()).toMatchObject({ kind: 'shown', late: false })
  })

  it.each([-3_600_000, 3_600_000])('ends soon after its refresh on a phone %i ms off', async (skew) => {
    looking(skew)
    await clock.pass(1)
    answer = () => Promise.reject(new Unreachable())
    await clock.pass(58)
    expect(last().kind).toBe('shown')
    await clock.pass(35)
    expect(last()).toEqual({ kind: 'offline' })
  })

  it('is offline at once when there never was one', async () => {
    answer = () => Promise.reject(new Unreachable())
    looking()
    await clock.pass(0)
    expect(last()).toEqual({ kind: 'offline' })
    await clock.pass(60)
    expect(asked).toBeLessThan(12)
  })

  it('says a refusal and does not ask again', async () => {
    answer = () => Promise.reject(new Problem(403, 'consent.needed'))
    looking()
    await clock.pass(120)
    expect([last().kind, asked, clock.waiting]).toEqual(['refused', 1, 0])
  })

  it('waits as long as the server asks', async () => {
    answer = () => Promise.reject(new Problem(429, 'core.too_many', {}, '', '', 30))
    looking()
    await clock.pass(29)
    expect(asked).toBe(1)
    await clock.pass(2)
    expect(asked).toBe(2)
  })

  it('does not change where it is static', async () => {
    answer = () => Promise.resolve(aCode({ dynamic: false, goodUntil: '' }))
    looking()
    await clock.pass(3600)
    expect([last(), asked]).toMatchObject([{ kind: 'shown', secondsLeft: null }, 1])
  })
})

describe('its picture', () => {
  it.each(['', 'a', 'ab', 'abc', '<svg xmlns="http://www.w3.org/2000/svg"/>', '健康卡'])('%s', (svg) => {
    const encoded = svgAddress(svg).replace('data:image/svg+xml;base64,', '')
    expect(encoded).toBe(Buffer.from(svg, 'utf8').toString('base64'))
  })

  it('knows every byte', () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => byte)
    expect(base64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
  })
})

describe('a swipe', () => {
  it.each([
    [{ x: 200, y: 0 }, { x: 100, y: 10 }, 1],
    [{ x: 100, y: 0 }, { x: 200, y: 10 }, -1],
    [{ x: 100, y: 0 }, { x: 130, y: 0 }, 0],
    [{ x: 100, y: 0 }, { x: 200, y: 90 }, 0],
  ])('%j %j', (from, to, step) => expect(swipeOf(from, to)).toBe(step))
})
