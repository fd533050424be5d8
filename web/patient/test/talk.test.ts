/** Whatever is delayed, doubled, dropped or cut off on the way: the phone ends with what the server holds. */
import { describe, expect, it } from 'vitest'
import { Log } from '../src/im/log'
import { AskFailed, PENDING_MOST, Talk } from '../src/im/talk'
import type { Pending, Ways } from '../src/im/talk'
import type { Body, Conversation, Event, Message } from '../src/im/shapes'

const ME = 'u-me'

function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** A server of one conversation whose answers and events get lost as they like. */
class Server {
  readonly log: Message[] = []
  uver = 0
  away = false
  private readonly told: Event[] = []

  say(sender: string, cid: string, body: Body): number {
    const before = this.log.find((each) => each.sender === sender && each.cid === cid)
    if (before) return before.seq
    const seq = this.log.length + 1
    const at = `2026-11-26T12:00:${String(seq % 60).padStart(2, '0')}+08:00`
    const message: Message = {
      conversation: 'c1',
      seq,
      id: `m${seq}`,
      sender,
      role: sender === ME ? 'patient' : 'doctor',
      cid,
      body,
      state: 'sent',
      created_at: at,
    }
    this.log.push(message)
    this.uver += 1
    this.told.push({ event: 'message', message })
    return seq
  }

  events(): Event[] {
    return this.told.splice(0)
  }

  view(): Conversation {
    return {
      id: 'c1',
      kind: 'consultation',
      state: 'active',
      title: '',
      department: null,
      last_seq: this.log.length,
      last: this.log[this.log.length - 1] ?? null,
      read_seq: 0,
      recv_seq: 0,
      unread: this.log.filter((each) => each.sender !== ME).length,
      members: [],
      expires_at: null,
      turns_left: null,
      changed_at: '',
    }
  }

  answer(verb: string, data: Record<string, unknown>): unknown {
    switch (verb) {
      case 'sync':
        return {
          uver: this.uver,
          more: false,
          conversations: (data['uver'] as number) < this.uver ? [this.view()] : [],
        }
      case 'open':
        return { conversation: this.view(), messages: this.log.slice(-30) }
      case 'pull': {
        const after = (data['after'] as number | undefined) ?? 0
        return { messages: this.log.slice(after, after + 3), more: true }
      }
      case 'send':
        return { seq: this.say(ME, data['cid'] as string, data['body'] as Body), turns_left: null }
      default:
        return { recv_seq: 0, read_seq: 0, unread: 0 }
    }
  }
}

function phone(server: Server, random: () => number, loss: number) {
  let names = 0
  let kept: readonly Pending[] = []
  const ways: Ways = {
    async ask(verb, data) {
      await Promise.resolve()
      if (server.away || random() < loss) throw new AskFailed('page.unreachable', true)
      const told = server.answer(verb, data)
      // The answer may be lost although it was done.
      if (random() < loss) throw new AskFailed('page.unreachable', true)
      return told
    },
    readPending: () => kept,
    writePending: (pending) => (kept = pending),
    newCid: () => `cid-${String((names += 1)).padStart(6, '0')}`,
    later: (_, act) => void Promise.resolve().then(act),
  }
  const made = () => new Talk(ways, ME, () => undefined)
  return { made, kept: () => kept }
}

async function settled(talk: Talk, server: Server): Promise<void> {
  for (let turn = 0; turn < 3000; turn += 1) {
    await Promise.resolve()
    if (talk.pending.length === 0 && talk.messages('c1').length === server.log.length) return
  }
}

describe('a conversation on a phone', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'ends with the log of the server (%i)',
    async (seed) => {
      const random = chance(seed + 1)
      const server = new Server()
      for (let at = 0; at < random() * 5; at += 1)
        server.say('doctor', `early-${at}`, { type: 'text', text: 'x' })
      const { made } = phone(server, random, 0.2)
      let talk = made()
      talk.connected(false)
      while (talk.messages('c1').length === 0 && server.log.length > 0)
        await talk.open('c1').catch(() => undefined)
      if (server.log.length === 0) await talk.open('c1').catch(() => undefined)
      let said = 0
      for (let step = 0; step < 60; step += 1) {
        const dice = random()
        if (dice < 0.3) server.say('doctor', `d-${step}`, { type: 'text', text: '答' })
        else if (dice < 0.6) talk.say('c1', { type: 'text', text: `问${(said += 1)}` })
        else if (dice < 0.7) talk.connected(random() < 0.5)
        const events = server.events().filter(() => random() > 0.3)
        for (const event of random() < 0.2 ? [...events, ...events] : events) talk.hear(event)
        for (let turn = 0; turn < random() * 10; turn += 1) await Promise.resolve()
        if (random() < 0.05) {
          // The app is killed and begins again with what it kept.
          talk.stop()
          talk = made()
          talk.connected(false)
          while (talk.messages('c1').length === 0 && server.log.length > 0)
            await talk.open('c1').catch(() => undefined)
        }
      }
      talk.connected(false)
      for (let turn = 0; turn < 40; turn += 1) {
        await settled(talk, server)
        if (talk.messages('c1').length === server.log.length) break
        await talk.open('c1').catch(() => undefined)
        await talk.sync()
      }
      const first = talk.messages('c1')[0]?.seq ?? 1
      expect(talk.messages('c1').map((each) => each.id)).toEqual(
        server.log.slice(first - 1).map((each) => each.id),
      )
      expect(talk.pending).toEqual([])
      const mine = server.log.filter((each) => each.sender === ME)
      expect(new Set(mine.map((each) => each.cid)).size).toBe(mine.length)
      expect(mine).toHaveLength(said)
    },
  )

  it('keeps what the server refuses until it is sent again or dropped', async () => {
    const server = new Server()
    const { made, kept } = phone(server, () => 1, 0)
    const talk = made()
    await talk.open('c1')
    const answer = server.answer.bind(server)
    server.answer = (verb, data) => {
      if (verb === 'send') throw new AskFailed('im.no_turns_left', false)
      return answer(verb, data)
    }
    talk.say('c1', { type: 'text', text: '还有' })
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
    expect(kept().map((each) => each.refused)).toEqual(['im.no_turns_left'])
    server.answer = answer
    talk.again(talk.pending[0]!.cid)
    for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
    expect(kept()).toEqual([])
    expect(talk.messages('c1')).toHaveLength(1)
  })

  it('shows the questions left that a message names, whoever asked', async () => {
    const server = new Server()
    const { made } = phone(server, () => 1, 0)
    const talk = made()
    await talk.open('c1')
    server.say('u-son', 'cid-1', { type: 'text', text: '还疼' })
    for (const event of server.events())
      talk.hear(event.event === 'message' ? { ...event, turns_left: 4 } : event)
    expect(talk.conversations.get('c1')?.turns_left).toBe(4)
    server.say('doctor', 'cid-2', { type: 'text', text: '多喝水' })
    for (const event of server.events()) talk.hear(event)
    expect(talk.conversations.get('c1')?.turns_left).toBe(4)
  })

  it('asks for a team, and tells news, under a name that the page keeps', async () => {
    const server = new Server()
    const asked: [string, Record<string, unknown>][] = []
    server.answer = (verb, data) => {
      asked.push([verb, data])
      if (asked.length === 1) throw new AskFailed('page.unreachable', true)
      if (verb === 'broadcast') return { conversation: 'c1' }
      return verb === 'open' ? { conversation: server.view(), messages: [] } : server.view()
    }
    const talk = phone(server, () => 1, 0).made()
    const cid = talk.newCid()
    await expect(talk.start(cid, ['nurse.1', 'nurse.2'], '值班')).rejects.toMatchObject({ temporary: true })
    expect(await talk.start(cid, ['nurse.1', 'nurse.2'], '值班')).toBe('c1')
    const team = { cid, kind: 'team', users: ['nurse.1', 'nurse.2'], title: '值班' }
    expect(asked).toEqual([
      ['start', team],
      ['start', team],
    ])
    await talk.start(cid, ['nurse.1'], '')
    expect(asked[2]![1]).toMatchObject({ kind: 'direct' })
    expect(await talk.broadcast('cid-news', 'd1', '周三停诊')).toBe('c1')
    expect(asked[3]).toEqual(['broadcast', { cid: 'cid-news', department: 'd1', text: '周三停诊' }])
  })

  it('knows whose news it hears, and no longer hears what it left', async () => {
    const server = new Server()
    const talk = phone(server, () => 1, 0).made()
    const room = { ...server.view(), kind: 'broadcast', title: '内科', department: 'd1' }
    const me = { user: ME, role: 'reader', name: '', read_seq: 0, recv_seq: 0 }
    server.answer = (_, data) => ({ ...room, members: data['on'] ? [me] : [] })
    await talk.follow('d1', true)
    expect(talk.followed.map((each) => each.department)).toEqual(['d1'])
    await talk.follow('d1', false)
    expect(talk.followed).toEqual([])
  })

  it('does not pile up for ever', () => {
    const server = new Server()
    server.away = true
    const talk = phone(server, () => 0.9, 0).made()
    for (let at = 0; at < PENDING_MOST + 5; at += 1) talk.say('c1', { type: 'text', text: 'x' })
    expect(talk.pending).toHaveLength(PENDING_MOST)
    talk.stop()
  })
})

describe('a log', () => {
  const message = (seq: number, body: Body = { type: 'text', text: `${seq}` }): Message => ({
    conversation: 'c1',
    seq,
    id: `m${seq}`,
    sender: 'a',
    role: 'doctor',
    cid: `cid-${seq}`,
    body,
    state: 'sent',
    created_at: '',
  })

  it('takes the next, knows the earlier, and sees a gap', () => {
    const log = new Log()
    log.reset([message(4), message(5)])
    expect([log.take(message(5)), log.take(message(7)), log.take(message(6))]).toEqual([
      'known',
      'gap',
      'applied',
    ])
    expect([log.oldest, log.newest]).toEqual([4, 6])
  })

  it('puts older ones in front only where they fit', () => {
    const log = new Log()
    log.reset([message(7)])
    log.prepend([message(3), message(4)])
    expect(log.oldest).toBe(7)
    log.prepend([message(5), message(6), message(7)])
    expect(log.messages.map((each) => each.seq)).toEqual([5, 6, 7])
  })

  it('hides what was taken back', () => {
    const log = new Log()
    log.reset([message(1), message(2, { type: 'recall', ref_seq: 1 })])
    expect([log.messages[0]?.state, log.messages[0]?.body]).toEqual(['recalled', null])
  })
})
