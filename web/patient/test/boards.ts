import { readBoard } from '../src/queue/board'
import type { Board } from '../src/queue/board'

const PUBLISHED = {
  line: 'L0301',
  version: 412,
  day: '2026-11-23',
  as_of: '2026-11-23T09:31:04.120+08:00',
  fresh: true,
  open: 'open',
  mode: 'mirror',
  now: [
    { number: 'A012', room: 'R301', room_name: '301诊室', state: 'in_service', call: 1, called_at: null },
    { number: 'A013', room: 'R302', room_name: '302诊室', state: 'called', call: 2, called_at: null },
  ],
  waiting: ['A014', 'A015', 'A016', 'A017'],
  ready: ['A014', 'A015'],
  passed: ['A009'],
  suspended: ['A010'],
  away: ['A003'],
  unknown: ['A004'],
  stayed: {},
  estimate: { samples: 61, low: [0, 2, 5, 8], high: [4, 6, 11, 15] },
}

/** What the server publishes, with some fields changed. */
export const published = (change: Record<string, unknown> = {}) => ({ ...PUBLISHED, ...change })

export const aBoard = (change: Record<string, unknown> = {}): Board => readBoard(published(change))!

export const aSnapshot = (change: Record<string, unknown> = {}, epoch = 'e1', offset = 5) => ({
  id: 'L0301',
  name: '心内科普通门诊',
  department: 'D03',
  department_name: '心血管内科',
  rooms: [{ id: 'R301', name: '301诊室' }],
  channel: 'queue:L0301',
  position: { offset, epoch },
  server_time: '2026-11-23T09:31:05.000+08:00',
  board: published(change),
})
