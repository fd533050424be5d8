/** The JSON that the server speaks, name for name (queue_display/wire.py is the source). */

export interface Position {
  offset: number
  epoch: string
}

export type Openness = 'open' | 'paused' | 'closed' | 'stopped'
export type Mode = 'mirror' | 'own'

/** What every state of a line carries, so that the newer of two can be told. */
export interface Versioned {
  line: string
  version: number
  as_of: string
  fresh: boolean
  open: Openness
}

export interface BoardCall {
  number: string
  room: string | null
  room_name: string | null
  state: 'called' | 'in_service'
  call: number
  called_at: string | null
}

export interface Estimate {
  samples: number
  low: number[]
  high: number[]
}

/** A publication on `queue:<line>`: numbers only, never a name. */
export interface Board extends Versioned {
  day: string
  mode: Mode
  now: BoardCall[]
  waiting: string[]
  ready: string[]
  passed: string[]
  suspended: string[]
  away: string[]
  unknown: string[]
  /** numbers that were given on another day than `day`, and that day */
  stayed: Record<string, string>
  estimate: Estimate | null
}

export interface NamedNumber {
  number: string
  name: string
  /** why the ticket stands where it stands; never hidden */
  priority?: string
}

export interface ScreenCall extends NamedNumber {
  room: string | null
  room_name: string | null
  state: 'called' | 'in_service'
  call_id: string
  called_at: string | null
}

/** A publication on `screen:<screen>`: one line as one screen may show it, names masked. */
export interface ScreenPart extends Versioned {
  name: string
  department: string
  doctor: string | null
  rooms: string[]
  now: ScreenCall[]
  next: NamedNumber[]
  passed: NamedNumber[]
  waiting_count: number
}

export interface Bilingual {
  zh: string
  en: string
}

export interface ScreenSnapshot {
  id: string
  kind: 'hall' | 'room'
  title: Bilingual
  channel: string
  position: Position
  server_time: string
  parts: ScreenPart[]
  build: string
}

export interface RoomState {
  id: string
  name: string
  state: 'open' | 'paused' | 'closed'
  doctor?: string | null
}

export interface LineSummary {
  id: string
  name: string
  department: string
  department_name: string
  doctor: string | null
  rooms: RoomState[]
  mode: Mode
  channel: string
  as_of: string
  fresh: boolean
  open: Openness
  waiting: number
  version: number
}

export interface Page<Item> {
  items: Item[]
  next: string | null
}

export interface LineSnapshot {
  id: string
  name: string
  channel: string
  position: Position
  server_time: string
  version: number
  board: Board
}

export type TicketState =
  | 'booked'
  | 'waiting'
  | 'ready'
  | 'called'
  | 'in_service'
  | 'awaiting_result'
  | 'passed'
  | 'suspended'
  | 'done'
  | 'no_show'
  | 'transferred'
  | 'abandoned'
  | 'cancelled'
  | 'unknown'

export interface StaffTicket {
  number: string
  name: string
  state: TicketState
  kind: 'first' | 'return'
  priority: string
  band: string
  room: string | null
  checked_in_at: string | null
  called_at: string | null
  recall_count: number
  passed_count: number
  ahead: number | null
}

export interface StaffLine {
  line: string
  version: number
  mode: Mode
  open: Openness
  rooms: RoomState[]
  settings: Record<string, unknown>
  tickets: StaffTicket[]
  as_of?: string
  fresh?: boolean
}

export interface CommandAnswer {
  version: number
  ticket: StaffTicket | null
  board: Board
}

export interface StartStaff {
  number: string
  role: string
  name: string
  password: string
  code: string
}

export interface StartLinks {
  demo: boolean
  hospital: Bilingual
  lines: LineSummary[]
  screens: { id: string; kind: 'hall' | 'room'; title: Bilingual; token?: string }[]
  doctor: { token?: string }
  build: string
  /** ready-made accounts, in the demonstration only; `code` is what the app would show now */
  staff?: StartStaff[]
}

/** An RFC 9457 problem: `code` and `params` choose the words, `title` is the fallback. */
export interface ProblemBody {
  title: string
  status: number
  code: string
  detail?: string
  params?: Record<string, unknown>
  field?: string
}
