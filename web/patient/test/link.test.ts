/** npm centrifuge, unmodified, over the mini-program socket and over Node's, against the fake server. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { Problem } from '../src/api/ask'
import type { Listener } from '../src/queue/follow'
import { centrifugeLink } from '../src/realtime/link'
import type { SocketClass } from '../src/realtime/link'
import { miniSocket } from '@houzhen/mini-socket'
import type { SocketTask } from '@houzhen/mini-socket'
import { startFake } from './fake-server.mjs'

/** `wx.connectSocket` as a phone has it, with a real socket behind. */
function wxConnect({ url }: { url: string }): SocketTask {
  const socket = new WebSocket(url)
  return {
    onOpen: (callback) => void socket.on('open', callback),
    onMessage: (callback) => void socket.on('message', (data) => callback({ data: String(data) })),
    onClose: (callback) =>
      void socket.on('close', (code, reason) => callback({ code, reason: String(reason) })),
    onError: (callback) => void socket.on('error', callback),
    send: ({ data }) => socket.send(data),
    close: ({ code, reason }) => socket.close(code, reason),
  }
}

class Hearing implements Listener {
  versions: number[] = []
  missed: boolean[] = []
  states: string[] = []
  published = (data: unknown) => void this.versions.push((data as { version: number }).version)
  subscribed = (missed: boolean) => void this.missed.push(missed)
  link = (state: string) => void this.states.push(state)
}

async function until(holds: () => boolean) {
  for (let tries = 0; tries < 400 && !holds(); tries++) await new Promise((done) => setTimeout(done, 10))
  expect(holds()).toBe(true)
}

describe.each([
  ['the socket of a mini-program', miniSocket(wxConnect) as SocketClass],
  ['a socket of its own', WebSocket as unknown as SocketClass],
])('centrifuge over %s', (_, socketClass) => {
  let fake: Awaited<ReturnType<typeof startFake>>
  beforeEach(async () => {
    fake = await startFake()
  })
  afterEach(() => fake.close())

  const position = async () => {
    const answer = await fetch(`http://127.0.0.1:${fake.port}/v1/lines/L0301`)
    return ((await answer.json()) as { position: { offset: number; epoch: string } }).position
  }

  const opened = async () => {
    const hearing = new Hearing()
    const link = centrifugeLink(`http://127.0.0.1:${fake.port}`, socketClass)
    const channel = link.open('queue:L0301', await position(), hearing)
    await until(() => hearing.missed.length === 1)
    return { hearing, channel }
  }

  it('hears every board and loses nothing over a lost connection', async () => {
    const { hearing, channel } = await opened()
    fake.publish({ line: 'L0301', board: {} })
    await until(() => hearing.versions.length === 1)
    fake.cut()
    await until(() => hearing.states.at(-1) === 'connecting')
    fake.publish({ line: 'L0301', board: {} })
    fake.publish({ line: 'L0301', board: {} })
    await until(() => hearing.versions.length === 3)
    expect(hearing.versions).toEqual([413, 414, 415])
    expect(hearing.missed).toEqual([false, false])
    channel.close()
    await until(() => fake.sockets.size === 0)
  })

  it('is told when history is gone', async () => {
    const { hearing, channel } = await opened()
    fake.forget({ line: 'L0301' })
    fake.cut()
    await until(() => hearing.missed.length === 2)
    expect(hearing.missed).toEqual([false, true])
    channel.close()
  })

  it('knows who is signed in, asks when a token is refused, and goes on without a name', async () => {
    const { access_token: token } = (await (
      await fetch(`http://127.0.0.1:${fake.port}/v1/sign-in/sms`, {
        method: 'POST',
        body: JSON.stringify({ phone: '13800138000', code: '246810' }),
      })
    ).json()) as { access_token: string }
    const socketToken = async () => {
      const headers = { Authorization: `Bearer ${token}` }
      const answer = await fetch(`http://127.0.0.1:${fake.port}/v1/realtime/token`, {
        method: 'POST',
        headers,
      })
      if (answer.status === 401) throw new Problem(401, 'core.token_revoked')
      return ((await answer.json()) as { token: string }).token
    }
    let [named, doubts] = [true, 0]
    const link = centrifugeLink(`http://127.0.0.1:${fake.port}`, socketClass, {
      signedIn: () => named,
      token: socketToken,
      doubt() {
        doubts += 1
        named = false
        link.changed()
        return Promise.resolve()
      },
    })
    const hearing = new Hearing()
    const channel = link.open('queue:L0301', await position(), hearing)
    await until(() => hearing.missed.length === 1)
    expect(fake.named()).toBe(1)

    fake.end_sessions()
    await until(() => hearing.missed.length === 2)
    expect([doubts, fake.named()]).toEqual([1, 0])
    fake.publish({ line: 'L0301', board: {} })
    await until(() => hearing.versions.length === 1)
    channel.close()
  })

  it('rests without a socket and catches up when woken', async () => {
    const { hearing, channel } = await opened()
    channel.rest()
    await until(() => fake.sockets.size === 0)
    fake.publish({ line: 'L0301', board: {} })
    channel.wake()
    await until(() => hearing.versions.length === 1)
    expect([hearing.states.at(-1), hearing.missed.at(-1)]).toEqual(['connected', false])
    channel.close()
  })
})
