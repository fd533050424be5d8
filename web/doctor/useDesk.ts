/** One desk at work: the line it watches, what is being done, and what came of it. */
import {
  computed,
  onUnmounted,
  ref,
  shallowRef,
  watch,
  type ComputedRef,
  type Ref,
  type ShallowRef,
} from 'vue'
import type {
  Board,
  CommandAnswer,
  LineSnapshot,
  LineSummary,
  RoomState,
  StaffLine,
  StaffTicket,
} from '../shared/contract'
import { ServerClock } from '../shared/clock'
import { freshness, type Freshness } from '../shared/freshness'
import type { Caller } from '../shared/caller'
import { allLines } from '../shared/lines'
import { Live, type Link, type Watched } from '../shared/live'
import { recall, remember } from '../shared/memory'
import { isNewer } from '../shared/newer'
import { Problem, wordsFor } from '../shared/problem'
import { say, type Key } from '../shared/words'
import { commandPath, inRoom, type Action } from './actions'

const RETRY_SECONDS = 5
const DESK_KEY = 'houzhen.desk'

export interface Outcome {
  kind: 'done' | 'moved' | 'refused'
  words: string
  /** tells two equal outcomes apart */
  at: number
}

export interface Desk {
  lines: Readonly<ShallowRef<LineSummary[]>>
  lineId: Ref<string | null>
  roomId: Ref<string | null>
  staff: Readonly<ShallowRef<StaffLine | null>>
  room: ComputedRef<RoomState | null>
  current: ComputedRef<StaffTicket | null>
  link: Readonly<Ref<Link>>
  trust: ComputedRef<Freshness | null>
  working: Readonly<Ref<boolean>>
  outcome: Readonly<Ref<Outcome | null>>
  failure: Readonly<Ref<string | null>>
  lastTicket: Readonly<Ref<string | null>>
  clock: ServerClock
  act: (action: Action, target: Target) => Promise<boolean>
  live: Live
}

export interface Target {
  ticket?: string
  body?: Record<string, unknown>
}

export function useDesk(caller: Caller): Desk {
  const clock = new ServerClock()
  const lines = shallowRef<LineSummary[]>([])
  const kept = recall(DESK_KEY, isPlace)
  const lineId = ref<string | null>(kept?.line ?? null)
  const roomId = ref<string | null>(kept?.room ?? null)
  const staff = shallowRef<StaffLine | null>(null)
  const board = shallowRef<{ board: Board; heardAt: number } | null>(null)
  const link = ref<Link>('connecting')
  const working = ref(false)
  const outcome = ref<Outcome | null>(null)
  const failure = ref<string | null>(null)
  const lastTicket = ref<string | null>(null)
  const now = ref(clock.now())

  const live = new Live(caller.socketToken, (next) => (link.value = next))
  let watched: Watched | null = null
  let retry = 0
  let loading: Promise<void> | null = null
  let again = false

  const room = computed(() => staff.value?.rooms.find((each) => each.id === roomId.value) ?? null)
  const current = computed(() => (staff.value ? inRoom(staff.value, roomId.value) : null))
  const trust = computed(() => {
    if (!board.value) return null
    const { as_of: asOf, fresh } = board.value.board
    return freshness({ asOf, fresh, heardAt: board.value.heardAt }, now.value)
  })

  async function begin(): Promise<void> {
    try {
      const all = await allLines()
      const mine = caller.lines
      lines.value = mine ? all.filter((line) => mine.indexOf(line.id) >= 0) : all
      failure.value = null
      if (!lines.value.some((line) => line.id === lineId.value)) lineId.value = lines.value[0]?.id ?? null
      // before the clinic opens there is nothing to choose from yet
      if (lines.value.length === 0) later()
    } catch (error) {
      failure.value = wordsFor(error)
      later()
    }
  }

  function later(): void {
    retry = window.setTimeout(() => void begin(), RETRY_SECONDS * 1000)
  }

  /** Fetch the staff view; calls that come while one is under way share one more, so the last word is heard. */
  function refresh(): Promise<void> {
    if (loading) {
      again = true
      return loading
    }
    loading = fetchStaff().finally(() => {
      loading = null
      if (again) {
        again = false
        void refresh()
      }
    })
    return loading
  }

  async function fetchStaff(): Promise<void> {
    const id = lineId.value
    if (!id) return
    try {
      const { body } = await caller.ask<StaffLine>(`/v1/lines/${encodeURIComponent(id)}/staff`)
      if (id !== lineId.value) return
      staff.value = body
      failure.value = null
      if (!body.rooms.some((each) => each.id === roomId.value)) roomId.value = body.rooms[0]?.id ?? null
    } catch (error) {
      failure.value = wordsFor(error)
    }
  }

  function hear(next: Board): void {
    if (next.line !== lineId.value) return
    const newer = isNewer(next, board.value?.board)
    board.value = { board: newer || !board.value ? next : board.value.board, heardAt: clock.now() }
    if (newer && next.version !== staff.value?.version) void refresh()
  }

  function follow(id: string): void {
    watched?.stop()
    staff.value = null
    board.value = null
    watched = live.watch<LineSnapshot>({
      load: async () => {
        const { body, travel } = await caller.ask<LineSnapshot>(`/v1/lines/${encodeURIComponent(id)}`)
        clock.hear(body.server_time, travel)
        return body
      },
      onSnapshot: (snapshot) => {
        board.value = { board: snapshot.board, heardAt: clock.now() }
        void refresh()
      },
      onPublication: (data) => {
        const next = data as Partial<Board> | null
        if (typeof next?.line === 'string' && typeof next.version === 'number') hear(next as Board)
      },
      onFailure: (error) => {
        failure.value = wordsFor(error)
      },
    })
  }

  function tell(kind: Outcome['kind'], words: string): void {
    outcome.value = { kind, words, at: Date.now() }
  }

  /** Carry out one command on what is seen now. True when it was done. */
  async function act(action: Action, target: Target): Promise<boolean> {
    const line = staff.value
    if (!line || working.value) return false
    working.value = true
    try {
      const needsRoom = action === 'call-next' || action === 'call' || action === 'undo'
      const path = commandPath(action, { ticket: target.ticket, room: roomId.value ?? undefined })
      const { body } = await caller.ask<CommandAnswer>(`/v1/lines/${encodeURIComponent(line.line)}/${path}`, {
        method: 'POST',
        key: freshKey(),
        body: {
          ...target.body,
          ...(needsRoom ? { room: roomId.value } : {}),
          expected_version: line.version,
        },
      })
      lastTicket.value = body.ticket?.number ?? target.ticket ?? lastTicket.value
      tell(
        'done',
        say(`doctor.done.${action}` as Key, { number: body.ticket?.number ?? target.ticket ?? '' }),
      )
      return true
    } catch (error) {
      await refresh()
      if (error instanceof Problem && error.code === 'queue.line_has_moved') tell('moved', situation())
      else tell('refused', wordsFor(error))
      return false
    } finally {
      await refresh()
      working.value = false
    }
  }

  /** The room as it is now, in one sentence. */
  function situation(): string {
    const called = current.value
    if (called) return say('doctor.moved_called', { number: called.number, room: room.value?.name ?? '' })
    const waiting = staff.value?.tickets.filter((each) => each.ahead !== null).length ?? 0
    return say('doctor.moved_idle', { n: waiting })
  }

  watch(lineId, (id) => id && follow(id), { flush: 'sync' })
  watch([lineId, roomId], ([line, of]) => remember(DESK_KEY, { line, room: of }))
  if (lineId.value) follow(lineId.value)
  void begin()
  const timer = window.setInterval(() => (now.value = clock.now()), 1000)
  onUnmounted(() => {
    clearInterval(timer)
    clearTimeout(retry)
    watched?.stop()
    live.stop()
  })

  return {
    lines,
    lineId,
    roomId,
    staff,
    room,
    current,
    link,
    trust,
    working,
    outcome,
    failure,
    lastTicket,
    clock,
    act,
    live,
  }
}

/** Unique enough for one desk's commands of one day, on pages without a secure context too. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function isPlace(value: unknown): value is { line: string | null; room: string | null } {
  return typeof value === 'object' && value !== null && 'line' in value && 'room' in value
}
