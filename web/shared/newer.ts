/** Which of two states of a line is the truth: snapshots and publications may cross on their way. */
import type { Position, Versioned } from './contract'

/** True when `candidate` was confirmed later than `known`; the same state again is not newer. */
export function isNewer(candidate: Versioned, known: Versioned | undefined): boolean {
  if (!known) return true
  if (candidate.version !== known.version) return candidate.version > known.version
  const [then, now] = [Date.parse(known.as_of), Date.parse(candidate.as_of)]
  if (now !== then) return now > then
  return candidate.fresh !== known.fresh
}

/**
 * True when a snapshot replaces everything known, even by lower versions.
 *
 * A new epoch is a new history: the server was restored or its data begun anew. Within an epoch a snapshot taken
 * at or after the last publication heard is the whole truth; an earlier one crossed a publication and only fills in.
 */
export function replacesAll(snapshot: Position, known: Position | null): boolean {
  return !known || snapshot.epoch !== known.epoch || snapshot.offset >= known.offset
}
