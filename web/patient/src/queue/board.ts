/**
 * The board of one line, as the server publishes it: ticket numbers and rooms, never a name.
 *
 * Pure. Everything that comes over the network passes `readBoard` / `readSnapshot` first, so the pages
 * never see half a board.
 */

export type Opening = 'open' | 'paused' | 'closed' | 'stopped'

export interface Calling {
  readonly number: string
  readonly room: string
  readonly roomName: string
  readonly state: 'called' | 'in_service'
  /** How often this ticket has been called; 1 is the first call. */
  readonly call: number
  readonly calledAt: string | null
}

export interface Estimate {
  /** Whole minutes, aligned with `Board.waiting`. */
  readonly low: readonly number[]
  readonly high: readonly number[]
}

export interface Board {
  readonly line: string
  readonly version: number
  readonly day: string
  /** When the hospital last confirmed this state. */
  readonly asOf: string
  /** False when the hospital has not confirmed it lately. */
  readonly fresh: boolean
  readonly open: Opening
  readonly now: readonly Calling[]
  readonly waiting: readonly string[]
  readonly ready: readonly string[]
  readonly passed: readonly string[]
  readonly suspended: readonly string[]
  readonly away: readonly string[]
  readonly unknown: readonly string[]
  /** Numbers that were given on another day than `day`, and that day. */
  readonly stayed: Readonly<Record<string, string>>
  readonly estimate: Estimate | null
}

export interface Position {
  readonly offset: number
  readonly epoch: string
}

export interface LineFacts {
  readonly id: string
  readonly name: string
  readonly department: string
  readonly doctor: string
  readonly rooms: readonly string[]
}

export interface Snapshot {
  readonly facts: LineFacts
  readonly channel: string
  readonly position: Position
  readonly serverTime: string
  readonly board: Board
}

type Json = Record<string, unknown>

const OPENINGS: readonly string[] = ['open', 'paused', 'closed', 'stopped']

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const whole = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) ? value : null

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []

/** Read a published board; `null` when it is not one. */
export function readBoard(value: unknown): Board | null {
  if (!isJson(value)) return null
  const version = whole(value.version)
  const asOf = text(value.as_of)
  if (
    !text(value.line) ||
    version === null ||
    Number.isNaN(Date.parse(asOf)) ||
    !Array.isArray(value.waiting)
  )
    return null
  return {
    line: text(value.line),
    version,
    day: text(value.day),
    asOf,
    fresh: value.fresh === true,
    open: OPENINGS.includes(text(value.open)) ? (value.open as Opening) : 'open',
    now: readNow(value.now),
    waiting: texts(value.waiting),
    ready: texts(value.ready),
    passed: texts(value.passed),
    suspended: texts(value.suspended),
    away: texts(value.away),
    unknown: texts(value.unknown),
    stayed: readStayed(value.stayed),
    estimate: readEstimate(value.estimate),
  }
}

function readNow(value: unknown): Calling[] {
  if (!Array.isArray(value)) return []
  return value.filter(isJson).map((each) => ({
    number: text(each.number),
    room: text(each.room),
    roomName: text(each.room_name) || text(each.room),
    state: each.state === 'in_service' ? ('in_service' as const) : ('called' as const),
    call: whole(each.call) ?? 1,
    calledAt: text(each.called_at) || null,
  }))
}

function readStayed(value: unknown): Record<string, string> {
  const days: Record<string, string> = {}
  if (isJson(value)) for (const number of Object.keys(value)) days[number] = text(value[number])
  return days
}

function readEstimate(value: unknown): Estimate | null {
  if (!isJson(value) || !Array.isArray(value.low) || !Array.isArray(value.high)) return null
  return {
    low: value.low.map((each) => whole(each) ?? -1),
    high: value.high.map((each) => whole(each) ?? -1),
  }
}

/** Read the answer of `GET /v1/lines/{id}`; `null` when it is not one. */
export function readSnapshot(value: unknown): Snapshot | null {
  if (!isJson(value) || !isJson(value.position)) return null
  const board = readBoard(value.board)
  if (board === null) return null
  return {
    facts: readFacts(value),
    channel: text(value.channel) || `queue:${board.line}`,
    position: { offset: whole(value.position.offset) ?? 0, epoch: text(value.position.epoch) },
    serverTime: text(value.server_time),
    board,
  }
}

/** What is told about a line besides its board; both the list and the snapshot carry it. */
export function readFacts(value: Json): LineFacts {
  return {
    id: text(value.id),
    name: text(value.name) || text(value.id),
    department: text(value.department_name) || text(value.department),
    doctor: text(value.doctor),
    rooms: Array.isArray(value.rooms)
      ? value.rooms.filter(isJson).map((room) => text(room.name) || text(room.id))
      : [],
  }
}

/** Tell whether `next` replaces `held`: a newer version, else a newer confirmation. Versions outlive the day. */
export function replaces(next: Board, held: Board | null): boolean {
  if (held === null || held.line !== next.line) return true
  if (next.version !== held.version) return next.version > held.version
  return Date.parse(next.asOf) >= Date.parse(held.asOf)
}
