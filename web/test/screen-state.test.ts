import { describe, expect, it } from 'vitest'
import { afterPublication, afterSnapshot, isPart, isState, screenFreshness } from '../screen/state'
import { aPart, aSnapshot, at, NOON } from './samples'

const shown = (state: ReturnType<typeof afterSnapshot>): number[] =>
  state.lines.map((each) => each.part.version)

describe('a screen follows its lines', () => {
  it('replaces a line by a newer part and leaves the others alone', () => {
    const parts = [aPart(), aPart({ line: 'L0302' })]
    const before = afterSnapshot(null, aSnapshot({ parts }), NOON)
    const after = afterPublication(before, aPart({ version: 2 }), 11, NOON + 1000)
    expect(shown(after)).toEqual([2, 1])
    expect(after.position).toEqual({ offset: 11, epoch: 'e' })
  })

  it('is not fooled by a part that was overtaken, but knows that the server is there', () => {
    const before = afterSnapshot(null, aSnapshot({ parts: [aPart({ version: 5 })] }), NOON)
    const after = afterPublication(before, aPart({ version: 4 }), 11, NOON + 9000)
    expect(shown(after)).toEqual([5])
    expect(after.lines[0]?.heardAt).toBe(NOON + 9000)
  })

  it('takes a reaffirmed state, so that its age starts anew', () => {
    const before = afterSnapshot(null, aSnapshot(), NOON)
    const after = afterPublication(before, aPart({ as_of: at(15) }), 11, NOON + 15_000)
    expect(after.lines[0]?.part.as_of).toBe(at(15))
  })

  it('keeps what a publication brought while an older snapshot was on its way', () => {
    const first = afterSnapshot(null, aSnapshot(), NOON)
    const heard = afterPublication(first, aPart({ version: 3 }), 12, NOON + 1000)
    const late = aSnapshot({ position: { offset: 11, epoch: 'e' }, parts: [aPart({ version: 2 })] })
    expect(shown(afterSnapshot(heard, late, NOON + 2000))).toEqual([3])
  })

  it('starts over with a server that began a new history, even at lower versions', () => {
    const before = afterSnapshot(null, aSnapshot({ parts: [aPart({ version: 400 })] }), NOON)
    const restarted = aSnapshot({ position: { offset: 1, epoch: 'f' }, parts: [aPart({ version: 2 })] })
    expect(shown(afterSnapshot(before, restarted, NOON + 1000))).toEqual([2])
  })

  it('forgets a line that the screen no longer shows', () => {
    const before = afterSnapshot(null, aSnapshot({ parts: [aPart(), aPart({ line: 'L0302' })] }), NOON)
    expect(afterSnapshot(before, aSnapshot(), NOON).lines).toHaveLength(1)
  })

  it('says how old it is when the hospital or the server is silent', () => {
    const state = afterSnapshot(
      null,
      aSnapshot({ parts: [aPart(), aPart({ line: 'L2', fresh: false })] }),
      NOON,
    )
    expect(screenFreshness(state, NOON + 20_000)).toEqual({ trust: 'unconfirmed', ageSeconds: 20 })
    expect(screenFreshness(state, NOON + 46_000)).toEqual({ trust: 'silent', ageSeconds: 46 })
  })

  it('knows a state it stored, and nothing else', () => {
    expect(isState(JSON.parse(JSON.stringify(afterSnapshot(null, aSnapshot(), NOON))))).toBe(true)
    for (const strange of [null, 1, 'x', {}, { kind: 'hall', title: {}, lines: [{}] }])
      expect(isState(strange)).toBe(false)
    expect(isPart({ line: 'L1' })).toBe(false)
  })
})
