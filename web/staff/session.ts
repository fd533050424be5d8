/**
 * Who is signed in at this tab, and requests in their name.
 *
 * The access token lives in memory; the refresh token in the tab's own storage, so that a reload stays signed in and
 * a closed tab does not. Renewed before its end, and once when the server says it is over; callers share one renewal.
 */
import { ref, shallowRef } from 'vue'
import type { Caller } from '../shared/caller'
import { ask, type Request } from '../shared/http'
import { Problem } from '../shared/problem'
import type { SignedIn, StaffMe } from './contract'

const KEPT = 'houzhen.staff.refresh'
const EARLY_MS = 60_000

/** Whose tab it is; null before signing in. */
export const me = shallowRef<StaffMe | null>(null)
/** Why nobody is signed in any more, when that came unasked. */
export const ended = ref(false)

let access: { token: string; until: number } | null = null
let renewal: Promise<void> | null = null

function keepRefresh(token: string | null): void {
  try {
    if (token) sessionStorage.setItem(KEPT, token)
    else sessionStorage.removeItem(KEPT)
  } catch {
    // private mode: signed in until the page is reloaded
    memory = token
  }
}

let memory: string | null = null

function keptRefresh(): string | null {
  try {
    return sessionStorage.getItem(KEPT) ?? memory
  } catch {
    return memory
  }
}

/** Take a fresh sign-in or renewal over. */
export function take(signed: SignedIn): void {
  access = { token: signed.access_token, until: Date.parse(signed.expires_at) }
  keepRefresh(signed.refresh_token)
}

/** Sign in for the page: take the tokens and ask who this is. */
export async function enter(signed: SignedIn): Promise<void> {
  take(signed)
  ended.value = false
  me.value = (await call<StaffMe>('/v1/staff/me')).body
}

/** Go on where the tab was before a reload. Answers whether somebody is signed in. */
export async function resume(): Promise<boolean> {
  if (!keptRefresh()) return false
  try {
    await renew()
    me.value = (await call<StaffMe>('/v1/staff/me')).body
    return true
  } catch (error) {
    if (error instanceof Problem && error.status === 401) forget()
    else throw error
    return false
  }
}

/** Forget everything of the session here. */
export function forget(): void {
  access = null
  keepRefresh(null)
  me.value = null
}

/** Sign out, here and at the server; here also when the server does not answer. */
export async function leave(): Promise<void> {
  try {
    await call('/v1/session/end', { method: 'POST', body: {} })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
  } finally {
    forget()
  }
}

/** Ask in the name of whoever is signed in. Throws `Problem`; a session that is over takes the page to sign-in. */
export async function call<Body>(
  path: string,
  request: Omit<Request, 'token'> = {},
): Promise<{ body: Body; travel: number }> {
  if (!access || access.until - Date.now() < EARLY_MS) await renew()
  try {
    return await ask<Body>(path, { ...request, token: access?.token ?? null })
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error
    await renew()
    return ask<Body>(path, { ...request, token: access?.token ?? null })
  }
}

/** Whoever is signed in, for pages that also know handed tokens. */
export function asCaller(staff: StaffMe): Caller {
  return {
    ask: call,
    accessToken: async () => {
      if (!access || access.until - Date.now() < EARLY_MS) await renew()
      return access?.token ?? ''
    },
    socketToken: async () =>
      (await call<{ token: string }>('/v1/realtime/token', { method: 'POST', body: {} })).body.token,
    lines: staff.lines.length > 0 ? staff.lines : null,
  }
}

/** A document in the name of whoever is signed in, as a file of the browser's. */
export async function download(path: string, name: string): Promise<void> {
  if (!access || access.until - Date.now() < EARLY_MS) await renew()
  const response = await fetch(path, {
    headers: { Authorization: `Bearer ${access?.token ?? ''}` },
    cache: 'no-store',
  })
  if (!response.ok) throw Problem.of(response.status, await response.json().catch(() => null))
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

async function renew(): Promise<void> {
  renewal ??= askForRenewal().finally(() => (renewal = null))
  return renewal
}

async function askForRenewal(): Promise<void> {
  const refresh_token = keptRefresh()
  try {
    if (!refresh_token) throw new Problem(401, 'core.unauthenticated')
    take((await ask<SignedIn>('/v1/session/refresh', { method: 'POST', body: { refresh_token } })).body)
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      ended.value = me.value !== null
      forget()
    }
    throw error
  }
}
