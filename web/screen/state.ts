/** What one screen knows: its parts, when each was last heard of, and how both survive a restart. Pure. */
import type { Bilingual, Position, ScreenCall, ScreenPart, ScreenSnapshot } from '../shared/contract'
import { isNewer, replacesAll } from '../shared/newer'
import { freshness, worst, type Freshness } from '../shared/freshness'

export interface HeardPart {
  part: ScreenPart
  /** server milliseconds */
  heardAt: number
}

export interface ScreenState {
  kind: 'hall' | 'room'
  title: Bilingual
  position: Position | null
  lines: HeardPart[]
}

export function afterSnapshot(before: ScreenState | null, snapshot: ScreenSnapshot, at: number): ScreenState {
  const whole = replacesAll(snapshot.position, before?.position ?? null)
  const lines = snapshot.parts.map((part) => {
    const known = before?.lines.find((each) => each.part.line === part.line)
    return known && !whole && !isNewer(part, known.part) ? known : { part, heardAt: at }
  })
  return {
    kind: snapshot.kind,
    title: snapshot.title,
    position: whole ? snapshot.position : (before?.position ?? snapshot.position),
    lines,
  }
}

/** Replace the part of one line; a line this screen was not given is not its business. */
export function afterPublication(
  before: ScreenState,
  part: ScreenPart,
  offset: number | null,
  at: number,
): ScreenState {
  const position =
    offset !== null && before.position && offset > before.position.offset
      ? { epoch: before.position.epoch, offset }
      : before.position
  const lines = before.lines.map((known) => {
    if (known.part.line !== part.line) return known
    // an echo of what is known still proves that the server is there
    return isNewer(part, known.part) ? { part, heardAt: at } : { part: known.part, heardAt: at }
  })
  return { ...before, position, lines }
}

export function screenFreshness(state: ScreenState, now: number): Freshness {
  return worst(state.lines.map((each) => lineFreshness(each, now)))
}

export function lineFreshness(line: HeardPart, now: number): Freshness {
  return freshness({ asOf: line.part.as_of, fresh: line.part.fresh, heardAt: line.heardAt }, now)
}

export interface PlacedCall {
  call: ScreenCall
  part: ScreenPart
}

/** Everyone called or inside, line by line. */
export function allCalls(state: ScreenState): PlacedCall[] {
  const all: PlacedCall[] = []
  for (const { part } of state.lines) for (const call of part.now) all.push({ call, part })
  return all
}

/** Enough of a shape check that nothing a server or a storage holds can break the page. */
export function isPart(value: unknown): value is ScreenPart {
  const part = value as Partial<ScreenPart> | null
  return (
    typeof part === 'object' &&
    part !== null &&
    typeof part.line === 'string' &&
    typeof part.version === 'number' &&
    typeof part.as_of === 'string' &&
    Array.isArray(part.now) &&
    Array.isArray(part.next) &&
    Array.isArray(part.passed)
  )
}

export function isState(value: unknown): value is ScreenState {
  const state = value as Partial<ScreenState> | null
  return (
    typeof state === 'object' &&
    state !== null &&
    (state.kind === 'hall' || state.kind === 'room') &&
    typeof state.title === 'object' &&
    Array.isArray(state.lines) &&
    state.lines.every((each) => typeof each.heardAt === 'number' && isPart(each.part))
  )
}
