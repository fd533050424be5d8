/** Invented lines for the fake server: departments, rooms and a morning's board. */

const line = (id, department, department_name, name, doctor, ...rooms) => ({
  id,
  name,
  department,
  department_name,
  doctor,
  rooms: rooms.map((room) => ({ id: `R${room}`, name: `${room}诊室`, state: 'open' })),
})

export const LINES = [
  line('L0301', 'D03', '心血管内科', '心内科普通门诊', '', '301', '302'),
  line('L0302', 'D03', '心血管内科', '张明远 主任医师', '张明远', '305'),
  line('L0401', 'D04', '呼吸与危重症医学科', '呼吸科普通门诊', '', '411', '412'),
  line('L0501', 'D05', '儿科', '儿科普通门诊', '', '108', '109', '110'),
  line('L0502', 'D05', '儿科', '李静 副主任医师', '李静', '112'),
  line('L0601', 'D06', '眼科', '眼科普通门诊', '', '520'),
]

const numbers = (from, count) =>
  Array.from({ length: count }, (_, step) => `A${String(from + step).padStart(3, '0')}`)

/** A board in mid-morning: A012 and A013 called, twelve waiting from A014 on. */
export function aBoard(id, now) {
  const waiting = numbers(14, 12 - 3 * (LINES.findIndex((each) => each.id === id) % 4))
  return {
    line: id,
    version: 412,
    day: now.slice(0, 10),
    as_of: now,
    fresh: true,
    open: id === 'L0502' ? 'stopped' : id === 'L0601' ? 'paused' : 'open',
    mode: 'mirror',
    now: [
      { number: 'A012', room: 'R301', room_name: '301诊室', state: 'in_service', call: 1, called_at: now },
      { number: 'A013', room: 'R302', room_name: '302诊室', state: 'called', call: 1, called_at: now },
    ],
    waiting,
    ready: waiting.slice(0, 2),
    passed: ['A005', 'A009'],
    suspended: [],
    away: ['A003'],
    unknown: [],
    estimate: {
      samples: 61,
      low: waiting.map((_, place) => 2 + place * 3),
      high: waiting.map((_, place) => 6 + place * 5),
    },
  }
}
