/** Values for tests, complete so that a test names only what it is about. */
import type {
  Board,
  ScreenCall,
  ScreenPart,
  ScreenSnapshot,
  StaffLine,
  StaffTicket,
} from '../shared/contract'

export const NOON = Date.parse('2026-11-23T12:00:00+08:00')

export const at = (seconds: number): string => new Date(NOON + seconds * 1000).toISOString()

export function aCall(more: Partial<ScreenCall> = {}): ScreenCall {
  const number = more.number ?? 'A017'
  return {
    number,
    name: '张*三',
    room: 'R301',
    room_name: '301诊室',
    state: 'called',
    call_id: `L0301:2026-11-23:${number}:1`,
    called_at: at(0),
    ...more,
  }
}

export function aPart(more: Partial<ScreenPart> = {}): ScreenPart {
  return {
    line: 'L0301',
    version: 1,
    as_of: at(0),
    fresh: true,
    open: 'open',
    name: '心内科',
    department: '心内科',
    doctor: '陈立群',
    rooms: ['301诊室'],
    now: [],
    next: [],
    passed: [],
    waiting_count: 0,
    ...more,
  }
}

export function aSnapshot(more: Partial<ScreenSnapshot> = {}): ScreenSnapshot {
  return {
    id: 'hall-3f',
    kind: 'hall',
    title: { zh: '三楼候诊厅', en: 'Hall' },
    channel: 'screen:hall-3f',
    position: { offset: 10, epoch: 'e' },
    server_time: at(0),
    parts: [aPart()],
    build: 'b1',
    ...more,
  }
}

export function aBoard(more: Partial<Board> = {}): Board {
  return {
    line: 'L0301',
    version: 1,
    day: '2026-11-23',
    as_of: at(0),
    fresh: true,
    open: 'open',
    mode: 'own',
    now: [],
    waiting: [],
    ready: [],
    passed: [],
    suspended: [],
    away: [],
    unknown: [],
    stayed: {},
    estimate: null,
    ...more,
  }
}

export function aTicket(number: string, more: Partial<StaffTicket> = {}): StaffTicket {
  return {
    number,
    name: '张*三',
    state: 'waiting',
    kind: 'first',
    priority: 'none',
    band: 'ordinary',
    room: null,
    checked_in_at: at(0),
    called_at: null,
    recall_count: 0,
    passed_count: 0,
    ahead: null,
    ...more,
  }
}

export function aLine(tickets: StaffTicket[]): StaffLine {
  return { line: 'L0301', version: 1, mode: 'own', open: 'open', rooms: [], settings: {}, tickets }
}
