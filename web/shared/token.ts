/** The token a page was opened with: it arrives in the fragment, which no server and no log ever sees. */

/** Take `#token=…` off the address bar and keep it under `name`; answer it, or the one kept before. */
export function takeToken(name: string): string | null {
  const match = /(?:^#|&)token=([^&]+)/.exec(location.hash)
  if (match?.[1]) {
    const token = decodeURIComponent(match[1])
    history.replaceState(null, '', location.pathname + location.search)
    keep(name, token)
    return token
  }
  return kept(name)
}

/** What a token claims, for choosing what to offer; only the server decides what is allowed. */
export function claims(token: string): { lines?: string[]; sub?: string; role?: string; exp?: number } {
  try {
    const part = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    const found: unknown = JSON.parse(atob(part))
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}

function keep(name: string, token: string): void {
  try {
    localStorage.setItem(name, token)
  } catch {
    // private mode or a full disk: the token lasts as long as the page
  }
}

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}
