/**
 * The way back from WeChat's own page (OAuth): the browser left us with a state and comes back with a code.
 *
 * The state is compared with the one this very tab left with: a code that somebody else put into a link
 * would sign the person in to a stranger's account.
 */
export interface Leaving {
  readonly state: string
  /** Signing in, or adding WeChat to the account that is signed in. */
  readonly why: 'sign_in' | 'link'
  /** The versions of the texts that were ticked, by kind: what the person read before leaving, and nothing newer. */
  readonly agreed: Readonly<Record<string, string>>
}

export type Returned =
  | { readonly kind: 'not_from_there' }
  | { readonly kind: 'not_ours' }
  | { readonly kind: 'declined'; readonly why: Leaving['why'] }
  | ({ readonly kind: 'code'; readonly code: string } & Leaving)

export function returnedWith(search: string, left: Leaving | null): Returned {
  const given = new Map(
    search
      .replace(/^\?/, '')
      .split('&')
      .map((each) => each.split('=').map(plain) as [string, string | undefined]),
  )
  const state = given.get('state') ?? ''
  if (state === '') return { kind: 'not_from_there' }
  if (left === null || left.state !== state) return { kind: 'not_ours' }
  const code = given.get('code') ?? ''
  return code === '' ? { kind: 'declined', why: left.why } : { ...left, kind: 'code', code }
}

/** The address without what the way back added, for the address bar and its history. */
export function withoutCode(search: string): string {
  const kept = search
    .replace(/^\?/, '')
    .split('&')
    .filter((each) => each !== '' && !/^(code|state)=/.test(each))
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

function plain(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
