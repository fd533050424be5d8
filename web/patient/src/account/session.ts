/**
 * Who is signed in on this phone, and for how long.
 *
 * The access token lives in memory, the refresh token in the phone's storage. A token is renewed before it ends,
 * and once when the server refuses it; callers that need a renewal at the same moment share one. A renewal that
 * the server refuses means that the session was ended elsewhere or is over: the phone forgets it and says so.
 */
import { Problem, bodyOf, problemOf } from '../api/ask'
import type { Answer, Ask, Question } from '../api/ask'
import { ACCESS_LIFE_MAX_MS, ACCESS_LIFE_MIN_MS, RENEW_BEFORE_MS } from '../limits'
import { text } from '../queue/board'

export interface SessionPorts {
  readonly ask: Ask
  readonly storage: { read(key: string): unknown; write(key: string, value: unknown): void }
  now(): number
  /** Run while no other page of this phone's browser runs its own. */
  alone<T>(act: () => Promise<T>): Promise<T>
  /** Sent with every question. */
  headers(): Readonly<Record<string, string>>
}

export interface SignedIn {
  readonly user: string
  readonly session: string
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: string
  readonly isNew: boolean
}

/** Why there is nobody any more: they pressed the button, or the server says so. */
export type Ending = 'signed_out' | 'elsewhere'

/** What the keeper tells: somebody is in, or why nobody is. */
export type Heard = { readonly user: string } | { readonly ended: Ending }

interface Access {
  readonly token: string
  readonly until: number
}

/** Codes that mean "this token is not good", as opposed to "this password or code is wrong". */
const BAD_TOKEN = [
  'core.unauthenticated',
  'core.token_expired',
  'core.token_revoked',
  'accounts.session_over',
  'accounts.no_session',
]

export class Session {
  private access: Access | null = null
  private renewing: Promise<string> | null = null
  private readonly listeners = new Set<(heard: Heard) => void>()

  constructor(private readonly ports: SessionPorts) {}

  /** The user's id, or nothing. */
  get user(): string {
    return this.refreshToken === '' ? '' : text(this.ports.storage.read('user'))
  }

  get signedIn(): boolean {
    return this.refreshToken !== ''
  }

  /** Be told of every beginning and end; the answer stops it. */
  watch(listener: (heard: Heard) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  begin(answer: SignedIn): void {
    this.keep(answer)
    this.tell({ user: answer.user })
  }

  /** Ask without saying who asks. */
  plain(question: Question): Promise<Answer> {
    return this.ports.ask({ ...question, headers: { ...this.ports.headers(), ...question.headers } })
  }

  /**
   * Ask as the person signed in; answers the body of a yes.
   *
   * Rejects with `Problem`, with `Unreachable`, and with the problem `core.unauthenticated` when nobody is.
   */
  async ask(question: Question): Promise<Record<string, unknown>> {
    const token = await this.token()
    const answer = await this.plain(signed(question, token))
    if (!refused(answer)) return bodyOf(answer)
    const fresh = this.access !== null && this.access.token !== token ? this.access.token : await this.renew()
    const again = await this.plain(signed(question, fresh))
    if (refused(again)) this.forget('elsewhere')
    return bodyOf(again)
  }

  /** A token that is good for a while yet. */
  async token(): Promise<string> {
    if (!this.signedIn) throw new Problem(401, 'core.unauthenticated')
    if (this.access !== null && this.access.until - RENEW_BEFORE_MS > this.ports.now())
      return this.access.token
    return this.renew()
  }

  /** Find out whether the session still stands; ends it here when it does not. Never rejects. */
  async check(): Promise<void> {
    if (this.signedIn) await this.renew().catch(() => undefined)
  }

  /** Sign out of this phone. The phone forgets even when the server cannot be told. */
  async end(): Promise<void> {
    try {
      await this.ask({ method: 'POST', path: '/v1/session/end' })
    } catch {
      // Offline: the session ends by its idle bound.
    }
    this.forget('signed_out')
  }

  /** Forget without telling the server: it knows already. */
  forget(ended: Ending): void {
    if (!this.signedIn && this.access === null) return
    this.access = null
    this.ports.storage.write('refresh', '')
    this.ports.storage.write('user', '')
    this.tell({ ended })
  }

  private renew(): Promise<string> {
    this.renewing ??= this.ports.alone(() => this.renewed()).finally(() => (this.renewing = null))
    return this.renewing
  }

  private async renewed(): Promise<string> {
    // Read now and not earlier: another page of this browser may have renewed a moment ago.
    const refreshToken = this.refreshToken
    if (refreshToken === '') throw new Problem(401, 'core.unauthenticated')
    const answer = await this.plain({
      method: 'POST',
      path: '/v1/session/refresh',
      body: { refresh_token: refreshToken },
    })
    if (answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status)) {
      const held = this.refreshToken
      if (held !== '' && held !== refreshToken) return this.renewed() // another page was a moment faster
      this.forget('elsewhere')
      throw problemOf(answer)
    }
    const renewed = readSignedIn(bodyOf(answer))
    if (!this.signedIn) throw new Problem(401, 'core.unauthenticated') // signed out meanwhile
    this.keep(renewed)
    return renewed.accessToken
  }

  private keep(answer: SignedIn): void {
    // A phone's clock may be wrong, so what it makes of the end is held between two bounds.
    const life = Date.parse(answer.expiresAt) - this.ports.now()
    const trusted = Math.min(Math.max(life || 0, ACCESS_LIFE_MIN_MS), ACCESS_LIFE_MAX_MS)
    this.access = { token: answer.accessToken, until: this.ports.now() + trusted }
    this.ports.storage.write('refresh', answer.refreshToken)
    this.ports.storage.write('user', answer.user)
  }

  private get refreshToken(): string {
    return text(this.ports.storage.read('refresh'))
  }

  private tell(heard: Heard): void {
    for (const listener of [...this.listeners]) listener(heard)
  }
}

const signed = (question: Question, token: string): Question => ({
  ...question,
  headers: { ...question.headers, Authorization: `Bearer ${token}` },
})

const refused = (answer: Answer): boolean =>
  answer.status === 401 && BAD_TOKEN.includes(problemOf(answer).code)

/** Rejects with the problem `core.internal` when the answer is not one that signs in. */
export function readSignedIn(body: Record<string, unknown>): SignedIn {
  const read = {
    user: text(body.user),
    session: text(body.session),
    accessToken: text(body.access_token),
    refreshToken: text(body.refresh_token),
    expiresAt: text(body.expires_at),
    isNew: body.is_new === true,
  }
  if (!read.accessToken || !read.refreshToken) throw new Problem(502, 'core.internal')
  return read
}
