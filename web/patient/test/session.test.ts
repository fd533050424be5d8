/** The session on a phone: renewed in time, once for all callers, and over when the server says so. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Problem, Unreachable } from '../src/api/ask'
import type { Answer, Question } from '../src/api/ask'
import { Session } from '../src/account/session'
import type { Heard, SignedIn } from '../src/account/session'

const MINUTE = 60_000

/** A server that knows one session and counts what it was asked. */
class Server {
  now = 0
  access = 'access-0'
  refresh = 'refresh-0'
  renewals = 0
  standing = true
  reachable = true
  held: (() => void)[] = []
  slow = false
  asked: Question[] = []

  ask = async (question: Question): Promise<Answer> => {
    this.asked.push(question)
    if (!this.reachable) throw new Unreachable()
    if (this.slow) await new Promise<void>((go) => this.held.push(go))
    if (question.path === '/v1/session/refresh') return this.renew(question)
    const token = question.headers?.Authorization
    return this.standing && token === `Bearer ${this.access}`
      ? yes({ fine: true })
      : no(401, 'core.token_expired')
  }

  private renew({ body }: Question): Answer {
    if (!this.standing || (body as { refresh_token: string }).refresh_token !== this.refresh)
      return no(401, 'accounts.refresh_token_unknown')
    this.renewals += 1
    this.access = `access-${this.renewals}`
    this.refresh = `refresh-${this.renewals}`
    return yes({
      user: 'u1',
      session: 's1',
      access_token: this.access,
      refresh_token: this.refresh,
      expires_at: new Date(this.now + 15 * MINUTE).toISOString(),
    })
  }
}

const yes = (body: unknown): Answer => ({ status: 200, body, retryAfter: null })
const no = (status: number, code: string): Answer => ({ status, body: { code }, retryAfter: null })

let server: Server
let stored: Record<string, unknown>
let heard: Heard[]

const aSession = (clock = () => server.now) => {
  const session = new Session({
    ask: (question) => server.ask(question),
    storage: { read: (key) => stored[key], write: (key, value) => void (stored[key] = value) },
    now: clock,
    alone: (act) => act(),
    headers: () => ({ 'X-Device': 'd1' }),
  })
  session.watch((each) => heard.push(each))
  return session
}

const signedIn = (): SignedIn => ({
  user: 'u1',
  session: 's1',
  accessToken: 'access-0',
  refreshToken: 'refresh-0',
  expiresAt: new Date(server.now + 15 * MINUTE).toISOString(),
  isNew: false,
})

const me = { method: 'GET', path: '/v1/me' } as const

beforeEach(() => {
  server = new Server()
  stored = {}
  heard = []
})

describe('the session', () => {
  it('asks with the token and the name of the phone', async () => {
    const session = aSession()
    session.begin(signedIn())
    expect(await session.ask(me)).toEqual({ fine: true })
    expect(server.asked[0]!.headers).toEqual({ 'X-Device': 'd1', Authorization: 'Bearer access-0' })
    expect([session.signedIn, session.user, heard]).toEqual([true, 'u1', [{ user: 'u1' }]])
  })

  it('keeps the access token out of the storage', () => {
    aSession().begin(signedIn())
    expect(JSON.stringify(stored)).not.toContain('access-0')
    expect(stored.refresh).toBe('refresh-0')
  })

  it('renews before the end', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.now = 13 * MINUTE
    await session.ask(me)
    expect(server.renewals).toBe(0)
    server.now = 14.5 * MINUTE
    await session.ask(me)
    expect(server.renewals).toBe(1)
  })

  it('renews once for all who ask at the same moment', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.now = 16 * MINUTE
    await Promise.all([session.ask(me), session.ask(me), session.token(), session.ask(me)])
    expect(server.renewals).toBe(1)
  })

  it('renews once when the token dies early, for all who were refused', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.access = 'dead'
    const answers = await Promise.all([session.ask(me), session.ask(me), session.ask(me)])
    expect([answers.length, server.renewals]).toEqual([3, 1])
  })

  it('does not take a wrong code for a bad token', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.ask = () => Promise.resolve(no(401, 'accounts.code_refused'))
    await expect(session.ask(me)).rejects.toMatchObject({ code: 'accounts.code_refused' })
    expect([session.signedIn, server.renewals]).toEqual([true, 0])
  })

  it('is restored from the storage of an earlier day', async () => {
    aSession().begin(signedIn())
    const later = aSession()
    expect(later.user).toBe('u1')
    await later.ask(me)
    expect([server.renewals, stored.refresh]).toEqual([1, 'refresh-1'])
  })

  it('ends, and says so once, when it was ended elsewhere', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.standing = false
    const asked = await Promise.allSettled([session.ask(me), session.ask(me)])
    expect(asked.map((each) => each.status)).toEqual(['rejected', 'rejected'])
    expect([session.signedIn, stored.refresh]).toEqual([false, ''])
    expect(heard).toEqual([{ user: 'u1' }, { ended: 'elsewhere' }])
  })

  it('outlives a lost network and a server in trouble', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.now = 20 * MINUTE
    server.reachable = false
    await expect(session.ask(me)).rejects.toThrow(Unreachable)
    server.reachable = true
    expect(await session.ask(me)).toEqual({ fine: true })
  })

  it.each([408, 429, 500, 503])('outlives a renewal answered with %i', async (status) => {
    const session = aSession()
    session.begin(signedIn())
    server.now = 20 * MINUTE
    const ask = server.ask
    server.ask = (question) =>
      question.path.endsWith('refresh') ? Promise.resolve(no(status, 'x.y')) : ask(question)
    await expect(session.ask(me)).rejects.toMatchObject({ status })
    expect(session.signedIn).toBe(true)
  })

  it('takes over what another tab has renewed', async () => {
    const one = aSession()
    one.begin(signedIn())
    const other = aSession()
    server.now = 16 * MINUTE
    await one.ask(me)
    await other.ask(me)
    expect([server.renewals, other.signedIn]).toEqual([2, true])
  })

  it('does not come back to life when signed out during a renewal', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.now = 16 * MINUTE
    server.slow = true
    const asked = session.ask(me).catch((failure: unknown) => failure)
    await Promise.resolve()
    session.forget('signed_out')
    server.slow = false
    server.held.forEach((go) => go())
    expect(await asked).toBeInstanceOf(Problem)
    expect([session.signedIn, stored.refresh]).toEqual([false, ''])
  })

  it.each([-60, 60, 600])('works on a phone whose clock is %i minutes off', async (off) => {
    const session = aSession(() => server.now + off * MINUTE)
    session.begin(signedIn())
    await session.ask(me)
    expect(server.renewals).toBe(0)
    server.now = 16 * MINUTE
    await session.ask(me)
    expect(server.renewals).toBe(1)
  })

  it('signs out on the phone even when the server cannot be told', async () => {
    const session = aSession()
    session.begin(signedIn())
    server.reachable = false
    await session.end()
    expect(heard.at(-1)).toEqual({ ended: 'signed_out' })
    await expect(session.ask(me)).rejects.toMatchObject({ code: 'core.unauthenticated' })
  })
})
