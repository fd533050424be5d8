import { describe, expect, it } from 'vitest'
import {
  Announcer,
  REMEMBERED_CALLS,
  surname,
  TOO_OLD_SECONDS,
  WAITED_TOO_LONG_SECONDS,
} from '../screen/announcer'
import type { ScreenCall, ScreenPart } from '../shared/contract'
import { aCall, aPart, at, NOON } from './samples'

/** A screen with a loudspeaker that can be listened to and a memory that outlives it. */
class Box {
  said: string[] = []
  memory: string[] = []
  clock = NOON
  private finish: (() => void)[] = []
  announcer = this.start()

  start(audible = true): Announcer {
    const announcer = new Announcer({
      speak: (call) =>
        new Promise((resolve) => {
          this.said.push(call.call_id)
          this.finish.push(resolve)
        }),
      calledAt: (call) => (call.called_at ? Date.parse(call.called_at) : null),
      now: () => this.clock,
      recallSpoken: () => this.memory,
      rememberSpoken: (ids) => {
        this.memory = ids
      },
    })
    announcer.setAudible(audible)
    this.announcer = announcer
    return announcer
  }

  async quiet(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) {
      this.finish.shift()?.()
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
  }
}

const id = (number: string, count = 1): string => `L0301:2026-11-23:${number}:${count}`
const calling = (...now: ScreenCall[]): ScreenPart[] => [aPart({ now })]

describe('a call is spoken exactly once', () => {
  it('however often the same state arrives', async () => {
    const box = new Box()
    for (let again = 0; again < 5; again++) box.announcer.offer(calling(aCall()))
    await box.quiet()
    box.announcer.offer(calling(aCall()))
    await box.quiet()
    expect(box.said).toEqual([id('A017')])
  })

  it('even after a reload in the middle of the sentence', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall()))
    box.start().offer(calling(aCall()))
    await box.quiet()
    expect(box.said).toEqual([id('A017')])
  })

  it('and those still waiting at a reload are spoken by the new page', async () => {
    const box = new Box()
    const both = calling(aCall(), aCall({ number: 'A018', called_at: at(1) }))
    box.announcer.offer(both)
    box.start().offer(both)
    await box.quiet()
    expect(box.said).toEqual([id('A017'), id('A018')])
  })

  it('again when it is called again', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall()))
    await box.quiet()
    box.announcer.offer(calling(aCall({ call_id: id('A017', 2), called_at: at(30) })))
    await box.quiet()
    expect(box.said).toEqual([id('A017'), id('A017', 2)])
  })

  it('one after the other, the earlier call first', async () => {
    const box = new Box()
    box.announcer.offer(
      calling(aCall({ number: 'B', called_at: at(5) }), aCall({ number: 'A', called_at: at(2) })),
    )
    expect(box.said).toEqual([id('A')])
    await box.quiet()
    expect(box.said).toEqual([id('A'), id('B')])
  })

  it('and a repetition replaces the call that is still waiting its turn', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall({ number: 'X' }), aCall({ called_at: at(1) })))
    box.announcer.offer(calling(aCall({ call_id: id('A017', 2), called_at: at(3) })))
    await box.quiet()
    expect(box.said).toEqual([id('X'), id('A017', 2)])
  })
})

describe('nothing stale is spoken', () => {
  it('not what was called long before the screen started', async () => {
    const box = new Box()
    box.clock = NOON + (TOO_OLD_SECONDS + 1) * 1000
    box.announcer.offer(calling(aCall()))
    await box.quiet()
    expect(box.said).toEqual([])
  })

  it('not who is inside already', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall({ state: 'in_service' })))
    await box.quiet()
    expect(box.said).toEqual([])
  })

  it('not who went in while others were announced', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall({ number: 'A' }), aCall({ number: 'B', called_at: at(1) })))
    box.announcer.offer(calling(aCall({ number: 'A' }), aCall({ number: 'B', state: 'in_service' })))
    await box.quiet()
    expect(box.said).toEqual([id('A')])
  })

  it('not a call of which nobody knows when it was', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall({ called_at: null })))
    await box.quiet()
    expect(box.said).toEqual([])
  })

  it('not a call that waited behind others for minutes', async () => {
    const box = new Box()
    box.announcer.offer(calling(aCall({ number: 'A' }), aCall({ number: 'B', called_at: at(1) })))
    box.clock = NOON + (WAITED_TOO_LONG_SECONDS + 2) * 1000
    await box.quiet()
    expect(box.said).toEqual([id('A')])
  })
})

describe('a silenced screen', () => {
  it('counts nothing as spoken, and speaks what is still fresh once it may', async () => {
    const box = new Box()
    box.start(false).offer(calling(aCall()))
    expect(box.memory).toEqual([])
    box.announcer.setAudible(true)
    box.announcer.offer(calling(aCall()))
    await box.quiet()
    expect(box.said).toEqual([id('A017')])
  })
})

it('remembers a bounded number of calls', async () => {
  const box = new Box()
  for (let n = 0; n < REMEMBERED_CALLS + 50; n++) {
    box.announcer.offer(calling(aCall({ number: `N${n}` })))
    await box.quiet()
  }
  expect(box.said).toHaveLength(REMEMBERED_CALLS + 50)
  expect(box.memory).toHaveLength(REMEMBERED_CALLS)
})

it('a broken voice does not stop the next call', async () => {
  const said: string[] = []
  let memory: string[] = []
  const announcer = new Announcer({
    speak: (call) => {
      said.push(call.number)
      return Promise.reject(new Error('no voice'))
    },
    calledAt: () => NOON,
    now: () => NOON,
    recallSpoken: () => memory,
    rememberSpoken: (ids) => (memory = ids),
  })
  announcer.setAudible(true)
  announcer.offer(calling(aCall({ number: 'A' }), aCall({ number: 'B' })))
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  expect(said).toEqual(['A', 'B'])
})

it('speaks the surname of a masked name only', () => {
  expect([surname('张*三'), surname('李*'), surname('欧阳*'), surname('')]).toEqual(['张', '李', '欧阳', ''])
})
