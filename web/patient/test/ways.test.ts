import { describe, expect, it } from 'vitest'
import { emulationAt, SOCKET_AGAIN_MS, SOCKET_TRIES, watchWays, Ways, waysTo } from '../src/realtime/ways'

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

describe('which way is tried', () => {
  const begin = (named = true) => {
    const clock = { now: 1_000_000 }
    return { clock, ways: new Ways(waysTo('http://h', named), () => clock.now) }
  }

  it('is the socket, then the streams, then the socket again, until one opens', () => {
    const { ways } = begin(false)
    const tried = Array.from({ length: 4 }, () => {
      const taken = ways.transport
      ways.failed()
      return taken
    })
    expect(tried).toEqual(['websocket', 'http_stream', 'sse', 'websocket'])
  })

  it('stays with a socket that opened through some failures, and not through more', () => {
    const { ways } = begin()
    ways.opened()
    for (let lost = 0; lost < 5; lost += 1) {
      ways.lost()
      for (let failed = 1; failed < SOCKET_TRIES; failed += 1) ways.failed()
      expect(ways.transport).toBe('websocket')
      ways.opened()
    }
    ways.lost()
    for (let failed = 0; failed < SOCKET_TRIES; failed += 1) ways.failed()
    expect(ways.transport).toBe('http_stream')
  })

  it('leaves a stream for the socket when it is lost, not oftener than the bound', () => {
    const { ways, clock } = begin()
    ways.failed()
    ways.opened()
    ways.lost()
    expect(ways.transport).toBe('http_stream')
    ways.opened()
    clock.now += SOCKET_AGAIN_MS
    ways.lost()
    expect(ways.transport).toBe('websocket')
    ways.failed()
    expect(ways.transport).toBe('http_stream')
    ways.opened()
    ways.lost()
    expect(ways.transport).toBe('http_stream')
  })

  it.each(Array.from({ length: 50 }, (_, seed) => seed))(
    'ends where something comes through, and on a socket where that does (%i)',
    (seed) => {
      let state = seed + 1
      const chance = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
      const { ways, clock } = begin(chance() < 0.5)
      let tries: number[] = []
      let stands = false
      const step = (through: (transport: string) => boolean) => {
        clock.now += Math.floor(chance() * 20_000)
        if (stands) {
          stands = false
          const before = ways.transport
          ways.lost()
          if (before !== 'websocket' && ways.transport === 'websocket') tries.push(clock.now)
        } else if (through(ways.transport)) {
          stands = true
          ways.opened()
        } else ways.failed()
      }
      for (let at = 0; at < 200; at += 1) step(() => chance() < 0.5)
      // A firewall: streams alone.
      tries = []
      for (let at = 0; at < 400; at += 1) step((transport) => transport === 'http_stream')
      const apart = tries.slice(1).map((at, index) => at - tries[index]!)
      expect(Math.min(SOCKET_AGAIN_MS, ...apart)).toBe(SOCKET_AGAIN_MS)
      // It is gone: whatever was chosen before, the socket is found again, and stays.
      for (let at = 0; at < 200; at += 1) step(() => true)
      expect(ways.transport).toBe('websocket')
    },
  )

  it('hears of the client what opened, failed and was lost, and not what the server refused', async () => {
    const hearing = new Map<string, (about?: unknown) => void>()
    const client = { on: (event: string, hear: never) => hearing.set(event, hear) }
    const { ways, clock } = begin()
    let away = true
    watchWays(ways, client, () => Promise.resolve(!away))
    const happens = async (event: string, about?: unknown) => {
      hearing.get(event)!(about)
      await Promise.resolve()
      await Promise.resolve()
    }
    await happens('connecting')
    await happens('error', { type: 'connect', error: { code: 109 } })
    await happens('error', { type: 'refreshToken', error: { code: 9 } })
    // The server is away: the socket is not to blame.
    await happens('error', { type: 'transport', error: { code: 2 } })
    expect(ways.transport).toBe('websocket')
    away = false
    await happens('error', { type: 'transport', error: { code: 2 } })
    expect(ways.transport).toBe('http_stream')
    clock.now += SOCKET_AGAIN_MS
    // It never stood, so its tries go on.
    await happens('connecting')
    expect(ways.transport).toBe('http_stream')
    await happens('connected')
    await happens('connecting')
    expect(ways.transport).toBe('websocket')
  })
})
