import { describe, expect, it } from 'vitest'
import { emulationAt, waysTo } from '../src/realtime/ways'

describe('the ways to the server', () => {
  it('are the socket first, then streams, of the same host and as secure as the page', () => {
    expect(waysTo('https://h.example', false)).toEqual([
      { transport: 'websocket', endpoint: 'wss://h.example/connection/websocket' },
      { transport: 'http_stream', endpoint: 'https://h.example/connection/http_stream' },
      { transport: 'sse', endpoint: 'https://h.example/connection/sse' },
    ])
    expect(waysTo('http://h:8888', false)[0]!.endpoint).toBe('ws://h:8888/connection/websocket')
    expect(emulationAt('https://h.example')).toBe('https://h.example/emulation')
  })

  it('never put a token into an address', () => {
    expect(waysTo('https://h.example', true).map((way) => way.transport)).toEqual([
      'websocket',
      'http_stream',
    ])
  })
})
