/** How the page was opened: plainly, or by a link that is good once. The link's token leaves the address bar. */

export type Opened = { way: 'plain' } | { way: 'set-up' | 'invitation'; token: string }

export function takeOpened(): Opened {
  const found = /^#(set-up|invitation)=([A-Za-z0-9_.~-]+)$/.exec(location.hash)
  if (!found?.[1] || !found[2]) return { way: 'plain' }
  history.replaceState(null, '', location.pathname + location.search)
  return { way: found[1] as 'set-up' | 'invitation', token: found[2] }
}
