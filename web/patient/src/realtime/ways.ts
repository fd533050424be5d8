/**
 * The ways to the server that a browser tries, best first: some networks let no WebSocket through.
 *
 * Server-Sent Events carry the token in the address, where proxies log it: whoever has a token is not offered them.
 * npm centrifuge stays with the first way that opened.
 */
export interface Way {
  readonly transport: 'websocket' | 'http_stream' | 'sse'
  readonly endpoint: string
}

export const socketAt = (origin: string): string => `${origin.replace(/^http/, 'ws')}/connection/websocket`

export const emulationAt = (origin: string): string => `${origin}/emulation`

/** `named`: the connection will carry a token. */
export function waysTo(origin: string, named: boolean): Way[] {
  const ways: Way[] = [
    { transport: 'websocket', endpoint: socketAt(origin) },
    { transport: 'http_stream', endpoint: `${origin}/connection/http_stream` },
  ]
  return named ? ways : [...ways, { transport: 'sse', endpoint: `${origin}/connection/sse` }]
}
