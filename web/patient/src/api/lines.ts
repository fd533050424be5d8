/** What the app asks the server over HTTP: the list of lines, one line, what became of one ticket. */
import { LIST_PAGES } from '../limits'
import { Unreachable } from './ask'
import { isJson, readFacts, readSnapshot, text, whole } from '../queue/board'
import type { LineFacts, Opening, Snapshot } from '../queue/board'
import { NoSuchLine } from '../queue/follow'
import { readFate } from '../queue/fate'
import type { Fate } from '../queue/fate'

export interface LineItem extends LineFacts {
  readonly open: Opening
  readonly waiting: number | null
  readonly fresh: boolean
}

/** Ask for a path; answers status and decoded body, rejects when the server cannot be reached in time. */
export type Get = (path: string) => Promise<{ readonly status: number; readonly body: unknown }>

export interface LinesApi {
  list(): Promise<LineItem[]>
  /** Rejects with `NoSuchLine` or `Unreachable`. */
  snapshot(line: string): Promise<Snapshot>
  fate(line: string, ticket: string): Promise<Fate>
}

export function linesApi(get: Get): LinesApi {
  return {
    async list() {
      const items: LineItem[] = []
      let path = '/v1/lines?limit=200'
      for (let page = 0; page < LIST_PAGES; page++) {
        const body = await found(get, path)
        if (!isJson(body) || !Array.isArray(body.items)) throw new Unreachable()
        items.push(...body.items.filter(isJson).map(readItem))
        const next = text(body.next)
        if (!next) break
        path = `/v1/lines?limit=200&cursor=${encodeURIComponent(next)}`
      }
      return items
    },

    async snapshot(line) {
      const { status, body } = await get(`/v1/lines/${encodeURIComponent(line)}`)
      if (status === 404) throw new NoSuchLine()
      const snapshot = status === 200 ? readSnapshot(body) : null
      if (snapshot === null) throw new Unreachable()
      return snapshot
    },

    async fate(line, ticket) {
      const { status, body } = await get(
        `/v1/lines/${encodeURIComponent(line)}/tickets/${encodeURIComponent(ticket)}`,
      )
      if (status === 404) return 'not_found'
      if (status !== 200) throw new Unreachable()
      return readFate(body)
    },
  }
}

async function found(get: Get, path: string): Promise<unknown> {
  const { status, body } = await get(path)
  if (status !== 200) throw new Unreachable()
  return body
}

function readItem(value: Record<string, unknown>): LineItem {
  const opening = text(value.open)
  return {
    ...readFacts(value),
    open: (['paused', 'closed', 'stopped'].includes(opening) ? opening : 'open') as Opening,
    waiting: whole(value.waiting),
    fresh: value.fresh !== false,
  }
}
