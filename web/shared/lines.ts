/** All lines the platform shows, page after page. */
import type { LineSummary, Page } from './contract'
import { ask } from './http'

/** A hospital has some hundred lines; more pages than this means the cursor runs in circles. */
const PAGES_MOST = 20

export async function allLines(): Promise<LineSummary[]> {
  const found: LineSummary[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_MOST; page++) {
    const path: string = cursor ? `/v1/lines?cursor=${encodeURIComponent(cursor)}` : '/v1/lines'
    const { body } = await ask<Page<LineSummary>>(path)
    found.push(...body.items)
    cursor = body.next
    if (!cursor) break
  }
  return found
}
