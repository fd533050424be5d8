/** What may be asked of the log, as a path. Pure. */

export const RESULTS = ['done', 'refused', 'failed', 'unknown'] as const

export interface Question {
  from: string
  to: string
  actor: string
  action: string
  object: string
  result: string
}

export const NO_QUESTION: Question = { from: '', to: '', actor: '', action: '', object: '', result: '' }

/** The path that asks it; moments of the form become RFC 3339 with the reader's offset. */
export function asked(question: Question, cursor: string | null): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(question)) {
    const said = String(value).trim()
    if (said) parts.set(name, name === 'from' || name === 'to' ? withOffset(said) : said)
  }
  if (cursor) parts.set('cursor', cursor)
  const query = parts.toString()
  return `/v1/admin/audit${query ? `?${query}` : ''}`
}

function withOffset(local: string): string {
  return new Date(local).toISOString()
}
