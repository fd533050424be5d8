/** What somebody is told who is not looking: what they agreed to, quiet at night, tickets they follow. */
import { listOf } from './account'
import type { AskSigned } from './account'
import { text } from '../queue/board'

export const NOTICE_KINDS = ['new_message', 'consultation', 'near_turn', 'called'] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]
export type NoticeChannel = 'wechat_mini' | 'wechat_page' | 'alipay_mini'

export interface NoticeTemplate {
  readonly kind: NoticeKind
  readonly template: string
  /** How many may still be sent; -1: as many as needed. */
  readonly left: number
}

export interface Notices {
  readonly templates: readonly NoticeTemplate[]
  readonly quiet: boolean
}

export interface FollowedTicket {
  readonly line: string
  readonly lineName: string
  readonly number: string
}

export interface NoticesApi {
  /** Tickets that one is told about, on whichever device that was asked for. */
  followed(): Promise<FollowedTicket[]>
  mine(channel: NoticeChannel): Promise<Notices>
  /** What the person said in the host's own dialogue. */
  agree(channel: NoticeChannel, accepted: readonly string[], refused: readonly string[]): Promise<Notices>
  quiet(on: boolean): Promise<void>
  /** Be told when it is nearly the ticket's turn, or no longer. */
  follow(line: string, ticket: string, on: boolean): Promise<void>
}

export function noticesApi(ask: AskSigned): NoticesApi {
  return {
    async followed() {
      const { items } = await ask({ method: 'GET', path: '/v1/me/followed-tickets' })
      return listOf(items).map((each) => ({
        line: text(each.line),
        lineName: text(each.line_name),
        number: text(each.number),
      }))
    },
    mine: async (channel) => read(await ask({ method: 'GET', path: `/v1/me/notices?channel=${channel}` })),
    agree: async (channel, accepted, refused) =>
      read(await ask({ method: 'POST', path: '/v1/me/notices', body: { channel, accepted, refused } })),
    quiet: async (on) => void (await ask({ method: 'POST', path: '/v1/me/notices/quiet', body: { on } })),
    follow: async (line, ticket, on) => {
      const path = `/v1/lines/${encodeURIComponent(line)}/tickets/${encodeURIComponent(ticket)}/follow`
      await ask({ method: 'POST', path, body: { on } })
    },
  }
}

const read = (body: Record<string, unknown>): Notices => ({
  quiet: body.quiet === true,
  templates: listOf(body.templates)
    .map((each) => ({
      kind: text(each.kind) as NoticeKind,
      template: text(each.template),
      left: Number(each.left) || 0,
    }))
    .filter((each) => (NOTICE_KINDS as readonly string[]).includes(each.kind)),
})
