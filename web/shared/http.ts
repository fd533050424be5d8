/** Requests to the platform, with a limit on every wait and every failure a `Problem`. */
import { Problem } from './problem'
import { lang } from './words'

export const REPLY_SECONDS = 10

export interface Request {
  method?: 'GET' | 'POST'
  token?: string | null
  body?: unknown
  /** makes a repeated POST the same POST */
  key?: string
}

export interface Answer<Body> {
  body: Body
  /** milliseconds from asking to the whole answer */
  travel: number
}

/** Ask once. Throws `Problem` for a refusal, an unreachable server, or no answer in time. */
export async function ask<Body>(path: string, request: Request = {}): Promise<Answer<Body>> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': lang.value }
  if (request.token) headers['Authorization'] = `Bearer ${request.token}`
  if (request.body !== undefined) headers['Content-Type'] = 'application/json'
  if (request.key) headers['Idempotency-Key'] = request.key
  const started = performance.now()
  const response = await inTime(
    fetch(path, {
      method: request.method ?? 'GET',
      headers,
      cache: 'no-store',
      credentials: 'same-origin',
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    }),
  )
  const body: unknown = await inTime(response.json().catch(() => null))
  if (!response.ok) throw Problem.of(response.status, body)
  if (body === null) throw new Problem(response.status, 'page.unreadable')
  return { body: body as Body, travel: performance.now() - started }
}

/** Old browsers cannot abort a request; all can stop waiting for it. */
async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  let timer = 0
  const limit = new Promise<never>((_, refuse) => {
    timer = window.setTimeout(() => refuse(Problem.unreachable()), REPLY_SECONDS * 1000)
  })
  try {
    return await Promise.race([work, limit])
  } catch (error) {
    throw error instanceof Problem ? error : Problem.unreachable()
  } finally {
    clearTimeout(timer)
  }
}
