/** In whose name a page asks: a token it was opened with, or a session that renews itself. */
import { ask, type Answer, type Request } from './http'
import { claims } from './token'

export interface Caller {
  /** Ask once. Throws `Problem`. */
  ask<Body>(path: string, request?: Omit<Request, 'token'>): Promise<Answer<Body>>
  /** The access token, good for a while yet: for what goes up as a file. */
  accessToken: () => Promise<string>
  /** What the live connection is opened with; a function is asked again before its answer ends. */
  socketToken: string | (() => Promise<string>)
  /** The lines that the caller works at; null: every line. */
  lines: string[] | null
}

/** Somebody who was handed a token: the demonstration's staff, a kiosk. */
export function withToken(token: string): Caller {
  const lines = claims(token).lines ?? []
  return {
    ask: (path, request = {}) => ask(path, { ...request, token }),
    accessToken: async () => token,
    socketToken: token,
    lines: lines.length > 0 && lines.indexOf('*') < 0 ? lines : null,
  }
}
