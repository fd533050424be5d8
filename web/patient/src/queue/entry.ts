/**
 * How a person arrives at a line: the page's own parameters, or what a scanned QR code left behind.
 *
 * WeChat hands a scanned ordinary link over as `q` (the whole URL, encoded) and a mini-program code as
 * `scene`; Alipay uses `qrCode`. All say the same two things: line and ticket.
 */
import { meantTicket } from './place'

export interface Entry {
  readonly line: string
  readonly ticket: string
}

export type Query = Readonly<Record<string, string | undefined>>

/** Read the page's parameters; empty strings where nothing was said. */
export function entryOf(query: Query): Entry {
  const direct = entry(query.line, query.ticket)
  if (direct.line) return direct
  const scanned = decoded(query.q) || decoded(query.qrCode) || decoded(query.scene)
  const parameters = scanned.slice(scanned.lastIndexOf('?') + 1)
  return entry(parameter(parameters, 'line'), parameter(parameters, 'ticket'))
}

/** The parameters of the queue page for an entry. */
export function queryOf(entry: Entry): string {
  const ticket = entry.ticket ? `&ticket=${encodeURIComponent(entry.ticket)}` : ''
  return `line=${encodeURIComponent(entry.line)}${ticket}`
}

const entry = (line: string | undefined, ticket: string | undefined): Entry => ({
  line: decoded(line).trim(),
  ticket: meantTicket(decoded(ticket), null),
})

const parameter = (parameters: string, name: string): string | undefined =>
  parameters
    .split('&')
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1)

function decoded(value: string | undefined): string {
  if (!value) return ''
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
