/** The boards of a few lines, live and anonymous: numbers only. */
import { onUnmounted, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import type { Board, LineSnapshot, LineSummary, Page, StartLinks } from '../shared/contract'
import { ask } from '../shared/http'
import { ServerClock } from '../shared/clock'
import { Live, type Link, type Watched } from '../shared/live'
import { isNewer } from '../shared/newer'

/** A page for a glance: more lines than this are on the screens. */
export const SHOWN_LINES = 8
const RETRY_SECONDS = 5
const AGAIN_SECONDS = 60
const TICK_SECONDS = 1

export interface LiveBoard {
  board: Board
  heardAt: number
}

export interface Boards {
  links: Readonly<ShallowRef<StartLinks | null>>
  lines: Readonly<ShallowRef<LineSummary[]>>
  boards: Readonly<Ref<Record<string, LiveBoard>>>
  link: Readonly<Ref<Link>>
  now: Readonly<Ref<number>>
}

export function useBoards(): Boards {
  const clock = new ServerClock()
  const links = shallowRef<StartLinks | null>(null)
  const lines = shallowRef<LineSummary[]>([])
  const boards = ref<Record<string, LiveBoard>>({})
  const link = ref<Link>('connecting')
  const now = ref(clock.now())
  const watched: Record<string, Watched> = {}
  let live: Live | null = null
  let retry = 0

  function heard(board: Board): void {
    const known = boards.value[board.line]
    const newest = isNewer(board, known?.board) || !known ? board : known.board
    boards.value = { ...boards.value, [board.line]: { board: newest, heardAt: clock.now() } }
  }

  function follow(line: LineSummary, over: Live): Watched {
    return over.watch<LineSnapshot>({
      load: async () => {
        const { body, travel } = await ask<LineSnapshot>(`/v1/lines/${encodeURIComponent(line.id)}`)
        clock.hear(body.server_time, travel)
        return body
      },
      onSnapshot: (snapshot) => {
        boards.value = { ...boards.value, [line.id]: { board: snapshot.board, heardAt: clock.now() } }
      },
      onPublication: (data) => {
        if (isBoard(data)) heard(data)
      },
    })
  }

  /** Look up what there is, again and again: a clinic that opens later appears by itself. */
  async function look(): Promise<void> {
    let wait = RETRY_SECONDS
    try {
      const [start, page] = await Promise.all([
        ask<StartLinks>('/v1/start'),
        ask<Page<LineSummary>>('/v1/lines'),
      ])
      links.value = start.body
      lines.value = page.body.items
      live ??= new Live(null, (next) => (link.value = next))
      for (const line of lines.value.slice(0, SHOWN_LINES)) {
        if (!watched[line.id]) watched[line.id] = follow(line, live)
      }
      if (lines.value.length > 0) wait = AGAIN_SECONDS
    } catch {
      // the server is away: what is shown keeps its age, and we ask again
    }
    retry = window.setTimeout(() => void look(), wait * 1000)
  }

  void look()
  const timer = window.setInterval(() => (now.value = clock.now()), TICK_SECONDS * 1000)
  onUnmounted(() => {
    clearInterval(timer)
    clearTimeout(retry)
    for (const each of Object.values(watched)) each.stop()
    live?.stop()
  })
  return { links, lines, boards, link, now }
}

function isBoard(value: unknown): value is Board {
  const board = value as Partial<Board> | null
  return typeof board?.line === 'string' && Array.isArray(board.now) && Array.isArray(board.waiting)
}
