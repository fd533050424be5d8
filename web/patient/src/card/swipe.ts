/** A swipe to the next or the former person: sideways, and clearly so. Pure. */
import { SWIPE_PX } from '../limits'

export interface Touch {
  readonly x: number
  readonly y: number
}

/** 1: to the next, -1: to the former, 0: no swipe. */
export function swipeOf(from: Touch, to: Touch): -1 | 0 | 1 {
  const across = to.x - from.x
  if (Math.abs(across) < SWIPE_PX || Math.abs(across) < 2 * Math.abs(to.y - from.y)) return 0
  return across < 0 ? 1 : -1
}

/** Where a touch event happened, in a browser and in a mini-program. */
export function touchIn(event: unknown): Touch | null {
  const { changedTouches } = event as {
    changedTouches?: ArrayLike<{ clientX?: number; clientY?: number; pageX?: number; pageY?: number }>
  }
  const touch = changedTouches?.[0]
  if (!touch) return null
  return { x: touch.clientX ?? touch.pageX ?? 0, y: touch.clientY ?? touch.pageY ?? 0 }
}
