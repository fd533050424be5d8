/** The lines of the fake server: enough life for the pages to be looked at and tested. */

const CLINICS = [
  ['L0301', '心内科', '陈立群', '301诊室'],
  ['L0302', '心内科', '周敏', '302诊室'],
  ['L0303', '内分泌科', '何静宜', '303诊室'],
  ['L0304', '呼吸内科', '孙国栋', '305诊室'],
  ['L0305', '消化内科', '赵文博', '306诊室'],
  ['L0306', '神经内科', '林晓燕', '308诊室'],
  ['L0307', '骨科', '高翔', '310诊室'],
  ['L0308', '眼科', '欧阳雪', '312诊室'],
  ['L0309', '耳鼻喉科', '徐大为', '315诊室'],
  ['L0310', '中医科', '钱松年', '316诊室'],
  ['L0311', '皮肤科', '罗佳', '318诊室'],
  ['L0312', '儿科', '唐小平', '320诊室'],
]
const SURNAMES = '王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗'
const LAST = '明华芳伟娟涛静军丽强'
const DAY = '2026-11-23'
const SCREENS = [
  { id: 'hall-3f', kind: 'hall', title: { zh: '三楼候诊厅', en: 'Third-floor hall' }, lines: 12 },
  { id: 'room-301', kind: 'room', title: { zh: '301诊室', en: 'Room 301' }, lines: 1 },
]

const iso = (milliseconds) => new Date(milliseconds + 8 * 3600_000).toISOString().replace('Z', '+08:00')

export class FakeHospital {
  constructor(publish) {
    this.publish = publish
    this.shown = CLINICS.length
    this.commands = []
    this.lines = new Map(CLINICS.map((clinic, index) => [clinic[0], this.makeLine(clinic, index)]))
  }

  makeLine([id, department, doctor, room], index) {
    const tickets = []
    for (let n = 1; n <= 18; n++) {
      const surname = SURNAMES[(n * 7 + index * 3) % SURNAMES.length]
      const last = n % 3 === 0 ? '*' : `*${LAST[(n + index) % LAST.length]}`
      const ended = n < 9
      tickets.push({
        number: `A${String(n + index).padStart(3, '0')}`,
        name: surname + last,
        state: ended ? (n === 6 && index % 2 === 0 ? 'passed' : 'done') : n < 12 ? 'ready' : 'waiting',
        kind: n % 7 === 0 ? 'return' : 'first',
        priority: n === 11 ? 'elderly' : 'none',
        calls: 0,
        recall_count: 0,
        passed_count: 0,
        checked_in_at: iso(Date.now() - (30 - n) * 60_000),
        called_at: null,
        room: null,
      })
    }
    const line = {
      id,
      department,
      doctor,
      room,
      roomId: `R${room.slice(0, 3)}`,
      tickets,
      version: 40 + index,
      fresh: true,
    }
    Object.assign(line, {
      open: 'open',
      mode: index === 1 ? 'mirror' : 'own',
      asOf: Date.now(),
      roomState: 'open',
    })
    if (index % 4 !== 3)
      this.putInRoom(
        line,
        tickets[8],
        Date.now() - (90 + index * 41) * 1000,
        index % 3 === 0 ? 'called' : 'in_service',
      )
    return line
  }

  putInRoom(line, ticket, at, state = 'called') {
    ticket.calls += 1
    Object.assign(ticket, { state, called_at: iso(at), room: line.roomId })
  }

  line(id) {
    return this.lines.get(id)
  }

  inRoom(line) {
    return line.tickets.filter((each) => each.state === 'called' || each.state === 'in_service')
  }

  queue(line) {
    return line.tickets.filter((each) => each.state === 'waiting' || each.state === 'ready')
  }

  changed(line) {
    line.version += 1
    line.asOf = Date.now()
    this.tell(line)
  }

  tell(line) {
    this.publish(`queue:${line.id}`, this.board(line))
    for (const screen of SCREENS) {
      if (this.linesOf(screen).includes(line)) this.publish(`screen:${screen.id}`, this.part(line))
    }
  }

  linesOf(screen) {
    return [...this.lines.values()].slice(0, screen.kind === 'hall' ? this.shown : screen.lines)
  }

  showLines(count) {
    this.shown = count
  }

  callNext(id, ago) {
    const line = this.line(id)
    for (const each of this.inRoom(line)) each.state = 'done'
    const next = this.queue(line)[0]
    if (next) this.putInRoom(line, next, Date.now() - ago * 1000)
    this.refill(line)
    this.changed(line)
    return { call_id: next && this.callId(line, next) }
  }

  refill(line) {
    for (const [index, each] of this.queue(line).entries()) each.state = index < 2 ? 'ready' : 'waiting'
  }

  recall(id) {
    const line = this.line(id)
    const ticket = this.inRoom(line)[0]
    this.putInRoom(line, ticket, Date.now())
    ticket.recall_count += 1
    this.changed(line)
    return { call_id: this.callId(line, ticket) }
  }

  start(id) {
    for (const each of this.inRoom(this.line(id))) each.state = 'in_service'
    this.changed(this.line(id))
  }

  pass(id) {
    for (const each of this.inRoom(this.line(id)))
      Object.assign(each, { state: 'passed', passed_count: each.passed_count + 1 })
    this.changed(this.line(id))
  }

  setFresh(id, fresh, age) {
    for (const line of id ? [this.line(id)] : this.lines.values()) {
      line.version += 1
      Object.assign(line, { fresh, asOf: Date.now() - age * 1000 })
      this.tell(line)
    }
  }

  setOpen(id, open) {
    this.line(id).open = open
    this.changed(this.line(id))
  }

  reaffirm() {
    for (const line of this.lines.values()) {
      if (line.fresh) line.asOf = Date.now()
      this.tell(line)
    }
  }

  /** One publication of a long day: numbers rise, people come and go, nothing grows. */
  step(id, count, number = `B${String(count % 1000).padStart(3, '0')}`) {
    const line = this.line(id)
    for (const each of this.inRoom(line)) each.state = 'waiting'
    const ticket = line.tickets[count % line.tickets.length]
    ticket.number = number
    this.putInRoom(line, ticket, Date.now() - 120_000)
    this.changed(line)
  }

  playOn() {
    const lines = [...this.lines.values()]
    this.callNext(lines[Math.floor(Math.random() * lines.length)].id, 0)
  }

  /** Somebody at another desk is faster than the next command. */
  race() {
    this.raced = true
  }

  callId(line, ticket) {
    return `${line.id}:${DAY}:${ticket.number}:${ticket.calls}`
  }

  board(line) {
    const of = (...states) =>
      line.tickets.filter((each) => states.includes(each.state)).map((each) => each.number)
    const waiting = this.queue(line)
    return {
      line: line.id,
      version: line.version,
      day: DAY,
      as_of: iso(line.asOf),
      fresh: line.fresh,
      open: line.open,
      mode: line.mode,
      now: this.inRoom(line).map((each) => ({
        number: each.number,
        room: each.room,
        room_name: line.room,
        state: each.state,
        call: each.calls,
        called_at: each.called_at,
      })),
      waiting: waiting.map((each) => each.number),
      ready: of('ready'),
      passed: of('passed'),
      suspended: of('suspended'),
      away: of('awaiting_result'),
      unknown: [],
      estimate: {
        samples: 61,
        low: waiting.map((_, i) => 2 + i * 4),
        high: waiting.map((_, i) => 6 + i * 7),
      },
    }
  }

  part(line) {
    const named = (each) => ({ number: each.number, name: each.name, priority: each.priority })
    return {
      line: line.id,
      version: line.version,
      as_of: iso(line.asOf),
      fresh: line.fresh,
      open: line.open,
      name: `${line.department} ${line.doctor}`,
      department: line.department,
      doctor: line.doctor,
      rooms: [line.room],
      now: this.inRoom(line).map((each) => ({
        ...named(each),
        room: each.room,
        room_name: line.room,
        state: each.state,
        call_id: this.callId(line, each),
        called_at: each.called_at,
      })),
      next: this.queue(line).slice(0, 3).map(named),
      passed: line.tickets.filter((each) => each.state === 'passed').map(named),
      waiting_count: this.queue(line).length,
    }
  }

  screen(id) {
    const screen = SCREENS.find((each) => each.id === id) ?? SCREENS[0]
    const parts = this.linesOf(screen).map((line) => this.part(line))
    return {
      id,
      kind: screen.kind,
      title: screen.title,
      channel: `screen:${id}`,
      server_time: iso(Date.now()),
      parts,
    }
  }

  summaries() {
    return [...this.lines.values()].slice(0, this.shown).map((line) => ({
      id: line.id,
      name: `${line.department} ${line.doctor}`,
      department: line.department,
      department_name: line.department,
      doctor: line.doctor,
      rooms: [{ id: line.roomId, name: line.room, state: line.roomState }],
      mode: line.mode,
      channel: `queue:${line.id}`,
      as_of: iso(line.asOf),
      fresh: line.fresh,
      open: line.open,
      waiting: this.queue(line).length,
      version: line.version,
    }))
  }

  snapshot(id) {
    const line = this.line(id)
    const summary = this.summaries().find((each) => each.id === id)
    return { ...summary, server_time: iso(Date.now()), board: this.board(line) }
  }

  startLinks(build) {
    const screens = SCREENS.map(({ id, kind, title }) => ({ id, kind, title, token: 'screen.e30.x' }))
    const hospital = { zh: '青禾市第一人民医院', en: 'Qinghe First People’s Hospital' }
    const staff = ['system_admin', 'nurse'].map((role, index) => ({
      number: `d${index}`,
      role,
      name: '演示',
      password: 'qxnv-72kd-lmho-1z',
      code: '492 039',
    }))
    const doctor = { token: 'staff.e30.x' }
    return { demo: true, hospital, lines: this.summaries(), screens, doctor, build, staff }
  }

  staff(id) {
    const line = this.line(id)
    const order = this.queue(line).map((each) => each.number)
    return {
      line: id,
      version: line.version,
      mode: line.mode,
      open: line.open,
      as_of: iso(line.asOf),
      fresh: line.fresh,
      rooms: [{ id: line.roomId, name: line.room, state: line.roomState, doctor: line.doctor }],
      settings: { undo_seconds: 180, defer_places: 10, recalls_before_pass: 1 },
      tickets: line.tickets.map(({ calls, ...each }) => ({
        ...each,
        calls,
        band: 45,
        ahead: order.includes(each.number) ? order.indexOf(each.number) : null,
      })),
    }
  }

  command(id, path, body) {
    const line = this.line(id)
    this.commands.push({ line: id, path: path.join('/'), body })
    if (line.mode === 'mirror' && path[0] !== 'check-in')
      return refuse(409, 'queue.line_is_mirrored', { line: id })
    if (this.raced) {
      this.raced = false
      this.callNext(id, 0)
    }
    if (body.expected_version !== line.version) {
      const now = this.inRoom(line).map((each) => `${each.number}@${each.room}:${each.state}`)
      return refuse(409, 'queue.line_has_moved', { line: id, version: line.version, now })
    }
    const ticket = this.carryOut(line, path, body)
    if (ticket?.problem) return ticket
    this.refill(line)
    this.changed(line)
    return { version: line.version, ticket: ticket ?? null, board: this.board(line) }
  }

  carryOut(line, path, body) {
    if (path[0] === 'rooms') {
      line.roomState = { open: 'open', pause: 'paused', close: 'closed' }[path[2]]
      return null
    }
    if (path[0] === 'check-in') {
      const number = body.number ?? `A${String(line.tickets.length + 40).padStart(3, '0')}`
      const ticket = { number, name: body.name ?? '', state: 'waiting', kind: body.kind ?? 'first', calls: 0 }
      Object.assign(ticket, {
        priority: body.priority ?? 'none',
        recall_count: 0,
        passed_count: 0,
        room: null,
      })
      line.tickets.push({ ...ticket, checked_in_at: iso(Date.now()), called_at: null })
      return line.tickets.at(-1)
    }
    const busy = this.inRoom(line)[0]
    const verb = path[0] === 'call-next' ? 'call-next' : path[2]
    const ticket =
      path[0] === 'call-next' ? this.queue(line)[0] : line.tickets.find((each) => each.number === path[1])
    if (verb === 'call' || verb === 'call-next') {
      if (busy)
        return refuse(409, 'queue.room_is_busy', {
          room: line.roomId,
          number: busy.number,
          state: busy.state,
        })
      if (!ticket) return refuse(409, 'queue.line_is_empty', {})
    }
    return this.move(line, ticket, verb)
  }

  move(line, ticket, verb) {
    const to = {
      start: 'in_service',
      finish: 'done',
      'pass-over': 'passed',
      'recheck-in': 'waiting',
      return: 'waiting',
    }
    Object.assign(to, {
      'send-for-tests': 'awaiting_result',
      suspend: 'suspended',
      resume: 'waiting',
      defer: 'waiting',
    })
    Object.assign(to, {
      transfer: 'transferred',
      'give-up': 'abandoned',
      cancel: 'cancelled',
      undo: 'waiting',
    })
    if (verb === 'call' || verb === 'call-next' || verb === 'recall') {
      this.putInRoom(line, ticket, Date.now())
      if (verb === 'recall') ticket.recall_count += 1
    } else ticket.state = to[verb]
    return ticket
  }
}

function refuse(status, code, params) {
  return { problem: { type: 'about:blank', title: code, status, code, params } }
}
