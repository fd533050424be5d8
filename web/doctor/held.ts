/**
 * A key pressed while an answer is on its way: kept, carried out after it, or said not to be. Pure.
 *
 * One key is kept, the last one. It must still mean the same person afterwards, and not be old: whoever has been
 * waiting for seconds looks again before acting.
 */
export const HELD_SECONDS = 3

export interface HeldKey {
  letter: string
  /** whom it meant when it was pressed; undefined: nobody yet, so whoever is in the room afterwards; null: nobody at all */
  ticket: string | null | undefined
  /** milliseconds of any clock that only runs forward */
  at: number
}

/** Whether the key still means what it meant. `ticket` is whom it would be for now, `inRoom` who is inside now. */
export function stillMeant(
  held: HeldKey,
  now: number,
  ticket: string | null | undefined,
  inRoom: string | null,
): boolean {
  if (now - held.at > HELD_SECONDS * 1000 || ticket === undefined) return false
  return held.ticket === undefined ? ticket === inRoom : ticket === held.ticket
}
