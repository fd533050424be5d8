/** What may be done with whom, and by which key. Pure; the server decides, this only offers. */
import type { Mode, RoomState, StaffLine, StaffTicket, TicketState } from '../shared/contract'

export type TicketAction =
  | 'call'
  | 'recall'
  | 'start'
  | 'finish'
  | 'pass-over'
  | 'recheck-in'
  | 'send-for-tests'
  | 'return'
  | 'defer'
  | 'suspend'
  | 'resume'
  | 'transfer'
  | 'give-up'
  | 'cancel'
  | 'undo'
export type RoomAction = 'open' | 'pause' | 'close'
export type Action = TicketAction | RoomAction | 'call-next' | 'check-in'

const OFFERED: Partial<Record<TicketState, TicketAction[]>> = {
  booked: ['give-up', 'cancel'],
  waiting: ['call', 'defer', 'suspend', 'transfer', 'give-up', 'cancel'],
  ready: ['call', 'defer', 'suspend', 'transfer', 'give-up', 'cancel'],
  called: ['start', 'recall', 'pass-over', 'undo'],
  in_service: ['finish', 'send-for-tests', 'undo'],
  awaiting_result: ['return'],
  passed: ['recheck-in', 'transfer', 'give-up', 'undo'],
  suspended: ['resume', 'give-up', 'cancel'],
}

/** Physical keys, so that a Chinese input method cannot swallow them. */
export const KEYS: Record<Action, string> = {
  'call-next': 'N',
  call: 'C',
  recall: 'R',
  start: 'S',
  finish: 'F',
  'pass-over': 'P',
  'recheck-in': 'B',
  return: 'B',
  'send-for-tests': 'T',
  defer: 'D',
  suspend: 'H',
  resume: 'H',
  transfer: 'X',
  'give-up': 'G',
  cancel: 'K',
  undo: 'U',
  'check-in': 'I',
  open: 'O',
  pause: 'O',
  close: 'L',
}

/** These take the patient out of the line: asked twice. */
export const CONFIRMED: readonly Action[] = ['give-up', 'cancel']
/** These need more than the ticket. */
export const ASKING: readonly Action[] = ['check-in', 'defer', 'transfer', ...CONFIRMED]

export function offered(ticket: StaffTicket | null, mode: Mode): TicketAction[] {
  if (!ticket || mode === 'mirror') return []
  return OFFERED[ticket.state] ?? []
}

export function offeredForRoom(room: RoomState | null, mode: Mode): RoomAction[] {
  if (!room || mode === 'mirror') return []
  return room.state === 'open' ? ['pause', 'close'] : room.state === 'paused' ? ['open', 'close'] : ['open']
}

/** The path of a command under `/v1/lines/<line>`. */
export function commandPath(
  action: Action,
  target: { ticket?: string | undefined; room?: string | undefined },
): string {
  if (action === 'call-next' || action === 'check-in') return action
  if (action === 'open' || action === 'pause' || action === 'close') {
    return `rooms/${encodeURIComponent(target.room ?? '')}/${action}`
  }
  return `tickets/${encodeURIComponent(target.ticket ?? '')}/${action}`
}

export type Tab = 'waiting' | 'passed' | 'away' | 'suspended' | 'booked' | 'ended'

export const TABS: readonly Tab[] = ['waiting', 'passed', 'away', 'suspended', 'booked', 'ended']

const TAB_OF: Record<TicketState, Tab | null> = {
  waiting: 'waiting',
  ready: 'waiting',
  called: null,
  in_service: null,
  passed: 'passed',
  awaiting_result: 'away',
  suspended: 'suspended',
  booked: 'booked',
  unknown: 'booked',
  done: 'ended',
  no_show: 'ended',
  transferred: 'ended',
  abandoned: 'ended',
  cancelled: 'ended',
}

/** The tickets of one list, in the line's own order where there is one. */
export function ticketsOf(line: StaffLine, tab: Tab): StaffTicket[] {
  const found = line.tickets.filter((each) => TAB_OF[each.state] === tab)
  if (tab !== 'waiting') return found
  const place = (each: StaffTicket): number => each.ahead ?? Number.MAX_SAFE_INTEGER
  return found
    .map((ticket, index) => ({ ticket, index }))
    .sort((a, b) => place(a.ticket) - place(b.ticket) || a.index - b.index)
    .map(({ ticket }) => ticket)
}

/** Who is called into the room or sits in it. */
export function inRoom(line: StaffLine, room: string | null): StaffTicket | null {
  const busy = line.tickets.filter((each) => each.state === 'called' || each.state === 'in_service')
  return busy.find((each) => each.room === room) ?? null
}

/** The ticket to select when the list changed under the hand: the same, else the one now at its place. */
export function keepSelection(
  before: readonly StaffTicket[],
  after: readonly StaffTicket[],
  selected: string | null,
): string | null {
  if (after.some((each) => each.number === selected)) return selected
  const place = Math.max(
    0,
    before.findIndex((each) => each.number === selected),
  )
  return after[Math.min(place, after.length - 1)]?.number ?? null
}
