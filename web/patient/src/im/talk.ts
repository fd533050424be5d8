/**
 * Everything one person says and hears, on one device. No platform and no clock of its own: the page gives a way to ask
 * and is told of every change.
 *
 * An event whose number is the next one is shown; one further ahead is pulled up to; a connection that came back without
 * recovery is followed by a sync. What is sent is kept until it is answered, under a name of its own, so sending it
 * again is the same message.
 */
import { Log } from './log'
import type { Body, Conversation, Event, Message } from './shapes'

export interface Pending {
  readonly conversation: string
  readonly cid: string
  readonly body: Body
  /** Why the server does not take it; null while it is on its way. */
  readonly refused: string | null
}

/** Why an ask failed: `temporary` is tried again, anything else is an answer. */
export class AskFailed extends Error {
  constructor(
    readonly code: string,
    readonly temporary: boolean,
  ) {
    super(code)
  }
}

export interface Ways {
  /** Ask the server. Rejects with `AskFailed`. */
  ask(verb: string, data: Record<string, unknown>): Promise<unknown>
  /** What waits to be sent, kept over a restart. */
  readPending(): readonly Pending[]
  writePending(pending: readonly Pending[]): void
  newCid(): string
  /** Run it after so many milliseconds. */
  later(ms: number, act: () => void): void
}

const PAGE = 30
const AGAIN_MS = [500, 1_000, 2_000, 5_000]
/** More than this waiting unsent is no conversation any more. */
export const PENDING_MOST = 50

export class Talk {
  readonly conversations = new Map<string, Conversation>()
  readonly typing = new Map<string, string>()
  pending: readonly Pending[]
  /** Whether the list was loaded once. */
  ready = false
  private readonly logs = new Map<string, Log>()
  private readonly filling = new Map<string, Promise<void>>()
  private uver = 0
  private syncing: Promise<void> | null = null
  private syncAgain = false
  private sending = false
  private failures = 0
  private stopped = false

  constructor(
    private readonly ways: Ways,
    readonly me: string,
    private readonly changed: () => void,
  ) {
    this.pending = ways.readPending()
  }

  stop(): void {
    this.stopped = true
  }

  /** The connection stands. Not recovered: anything may have been missed. */
  connected(recovered: boolean): void {
    if (!recovered || !this.ready) void this.sync()
    void this.sendPending()
  }

  messages(conversation: string): readonly Message[] {
    return this.logs.get(conversation)?.messages ?? []
  }

  waiting(conversation: string): readonly Pending[] {
    return this.pending.filter((each) => each.conversation === conversation)
  }

  get unread(): number {
    let sum = 0
    for (const each of this.conversations.values()) sum += each.unread
    return sum
  }

  hear(event: Event): void {
    switch (event.event) {
      case 'message':
        this.hearMessage(event.message, event.turns_left)
        break
      case 'pointer':
        void this.fill(event.conversation, event.seq)
        void this.sync()
        break
      case 'receipt':
        this.hearReceipt(event)
        break
      case 'typing':
        if (event.on) this.typing.set(event.conversation, event.user)
        else this.typing.delete(event.conversation)
        break
      default:
        void this.sync()
    }
    this.changed()
  }

  /** Which conversations changed. One at a time; asked meanwhile, it is done once more. */
  sync(): Promise<void> {
    if (this.syncing) {
      this.syncAgain = true
      return this.syncing
    }
    this.syncing = this.syncOnce().finally(() => {
      this.syncing = null
      if (this.syncAgain && !this.stopped) {
        this.syncAgain = false
        void this.sync()
      }
    })
    return this.syncing
  }

  /** Look at one: its newest messages are there when this resolves. */
  async open(conversation: string): Promise<void> {
    const told = (await this.ways.ask('open', { conversation, limit: PAGE })) as {
      conversation: Conversation
      messages: Message[]
    }
    const log = this.logs.get(conversation)
    if (log && log.newest > 0) await this.fill(conversation, told.conversation.last_seq)
    else this.logFor(conversation).reset(told.messages)
    this.conversations.set(conversation, told.conversation)
    this.changed()
  }

  /** Older messages. Answers whether there may be more. */
  async older(conversation: string): Promise<boolean> {
    const log = this.logFor(conversation)
    if (log.oldest <= 1) return false
    const told = (await this.ways.ask('pull', { conversation, before: log.oldest, limit: PAGE })) as {
      messages: Message[]
      more: boolean
    }
    log.prepend(told.messages)
    this.changed()
    return told.more
  }

  /** Say something. It stands in the page at once, and is sent until it is answered. */
  say(conversation: string, body: Body): void {
    if (this.pending.length >= PENDING_MOST) return
    this.keep([...this.pending, { conversation, cid: this.ways.newCid(), body, refused: null }])
    void this.sendPending()
  }

  /** Try a refused one once more. */
  again(cid: string): void {
    this.keep(this.pending.map((each) => (each.cid === cid ? { ...each, refused: null } : each)))
    void this.sendPending()
  }

  drop(cid: string): void {
    this.keep(this.pending.filter((each) => each.cid !== cid))
  }

  /** Everything shown has been read. */
  async read(conversation: string): Promise<void> {
    const seq = this.logs.get(conversation)?.newest ?? 0
    const held = this.conversations.get(conversation)
    if (seq === 0 || (held && held.read_seq >= seq)) return
    const told = (await this.ways.ask('read', { conversation, seq })) as Marked
    const now = this.conversations.get(conversation)
    if (now) this.conversations.set(conversation, { ...now, ...told })
    this.changed()
  }

  /** Messages that hold the words, newest first; `next` goes on. */
  async search(
    text: string,
    cursor: string | null = null,
  ): Promise<{ messages: Message[]; next: string | null }> {
    return (await this.ways.ask('search', { text, cursor })) as { messages: Message[]; next: string | null }
  }

  /** Come into a conversation with a code; answers which. Rejects with `AskFailed`. */
  async join(code: string): Promise<string> {
    const told = (await this.ways.ask('join', { code })) as Conversation
    this.take(told)
    return told.id
  }

  /** Bring a colleague in. Rejects with `AskFailed`, as all of these. */
  async invite(conversation: string, user: string): Promise<void> {
    this.take((await this.ways.ask('invite', { conversation, user })) as Conversation)
  }

  /** A code for a relative, and until when it is good. */
  async inviteCode(conversation: string): Promise<{ code: string; expires_at: string }> {
    return (await this.ways.ask('invite-code', { conversation })) as { code: string; expires_at: string }
  }

  /** Leave; what was said until now stays readable. */
  async leave(conversation: string): Promise<void> {
    await this.ways.ask('leave', { conversation })
    await this.sync()
  }

  /** A name for what is about to be asked for. Whoever asks again after a lost answer uses it again. */
  newCid(): string {
    return this.ways.newCid()
  }

  /** Begin to talk with colleagues; answers which conversation. Two have one, a team is known by its `cid`. */
  async start(cid: string, users: readonly string[], title: string): Promise<string> {
    const kind = users.length === 1 ? 'direct' : 'team'
    const told = (await this.ways.ask('start', { cid, kind, users, title })) as Conversation
    this.take(told)
    return told.id
  }

  /** Tell everybody who follows a department; answers in which conversation it stands. */
  async broadcast(cid: string, department: string, text: string): Promise<string> {
    const sent = (await this.ways.ask('broadcast', { cid, department, text })) as { conversation: string }
    await this.heardFrom(sent.conversation)
    return sent.conversation
  }

  /** Hear a department's news, or no longer; answers which conversation they stand in. */
  async follow(department: string, on: boolean): Promise<string> {
    const told = (await this.ways.ask('follow', { department, on })) as Conversation
    this.take(told)
    return told.id
  }

  /** Departments whose news this user hears, newest first. */
  get followed(): readonly Conversation[] {
    return [...this.conversations.values()]
      .filter((each) => each.kind === 'broadcast' && each.members.some((one) => one.user === this.me))
      .sort((one, two) => two.changed_at.localeCompare(one.changed_at))
  }

  /** A room of news is heard from now on: what came before is looked up, as a sync does not list it. */
  async heardFrom(conversation: string): Promise<void> {
    await this.open(conversation).catch(() => undefined)
  }

  private take(told: Conversation): void {
    this.conversations.set(told.id, told)
    this.changed()
  }

  /** Tell the others that something is being written. Nothing hangs on it. */
  async tellTyping(conversation: string): Promise<void> {
    await this.ways.ask('typing', { conversation, on: true }).catch(() => undefined)
  }

  async recall(conversation: string, seq: number): Promise<void> {
    await this.ways.ask('recall', { conversation, seq, cid: this.ways.newCid() })
  }

  private async syncOnce(): Promise<void> {
    for (let more = true; more && !this.stopped;) {
      const told = (await this.trying(() => this.ways.ask('sync', { uver: this.uver }))) as {
        uver: number
        conversations: Conversation[]
        more: boolean
      } | null
      if (told === null) return
      for (const each of told.conversations) {
        this.conversations.set(each.id, each)
        if (this.logs.has(each.id)) await this.fill(each.id, each.last_seq)
      }
      this.uver = told.uver
      more = told.more
      this.ready = true
      this.changed()
    }
  }

  private hearMessage(message: Message, turnsLeft: number | undefined): void {
    const known = this.conversations.get(message.conversation)
    const log = this.logs.get(message.conversation)
    if (log && log.take(message) === 'gap') void this.fill(message.conversation, message.seq)
    this.settle(message)
    this.typing.delete(message.conversation)
    if (!known || (known.last_seq !== message.seq - 1 && known.last_seq < message.seq)) {
      void this.sync()
      return
    }
    if (message.seq <= known.last_seq) return
    const spoken = message.body !== null && message.body.type !== 'recall' && message.body.type !== 'event'
    this.conversations.set(message.conversation, {
      ...known,
      last_seq: message.seq,
      last: message,
      changed_at: message.created_at,
      turns_left: turnsLeft ?? known.turns_left,
      unread: known.unread + (spoken && message.sender !== this.me ? 1 : 0),
    })
    if (message.body?.type !== 'recall') return
    void this.sync()
  }

  private hearReceipt(receipt: {
    conversation: string
    user: string
    recv_seq: number
    read_seq: number
  }): void {
    const known = this.conversations.get(receipt.conversation)
    if (!known) return
    const members = known.members.map((member) =>
      member.user === receipt.user
        ? {
            ...member,
            recv_seq: Math.max(member.recv_seq, receipt.recv_seq),
            read_seq: Math.max(member.read_seq, receipt.read_seq),
          }
        : member,
    )
    this.conversations.set(known.id, { ...known, members })
    // Read on another device of mine.
    if (receipt.user === this.me && receipt.read_seq > known.read_seq) void this.sync()
  }

  /** Pull until everything up to that number is here; one pull at a time. */
  private fill(conversation: string, until: number): Promise<void> {
    const log = this.logs.get(conversation)
    if (!log || log.newest >= until) return Promise.resolve()
    const before = this.filling.get(conversation) ?? Promise.resolve()
    const work = before.then(() => this.pullUp(conversation, log, until))
    this.filling.set(conversation, work)
    return work
  }

  private async pullUp(conversation: string, log: Log, until: number): Promise<void> {
    while (log.newest < until && !this.stopped) {
      const told = (await this.trying(() =>
        this.ways.ask('pull', { conversation, after: log.newest, limit: 100 }),
      )) as { messages: Message[] } | null
      if (told === null || told.messages.length === 0) return
      for (const message of told.messages) {
        log.take(message)
        this.settle(message)
      }
      this.changed()
    }
  }

  /** A message that came back is on its way no longer. */
  private settle(message: Message): void {
    if (message.sender !== this.me) return
    if (this.pending.some((each) => each.cid === message.cid)) this.drop(message.cid)
  }

  private async sendPending(): Promise<void> {
    if (this.sending) return
    this.sending = true
    try {
      for (let next = this.next(); next && !this.stopped; next = this.next()) await this.sendOne(next)
    } finally {
      this.sending = false
    }
  }

  private next(): Pending | undefined {
    return this.pending.find((each) => each.refused === null)
  }

  private async sendOne(one: Pending): Promise<void> {
    const { conversation, cid, body } = one
    try {
      const sent = (await this.ways.ask('send', { conversation, cid, body })) as {
        seq: number
        turns_left: number | null
      }
      this.failures = 0
      const known = this.conversations.get(conversation)
      if (known) this.conversations.set(conversation, { ...known, turns_left: sent.turns_left })
      await this.fill(conversation, sent.seq)
      this.drop(cid)
    } catch (error) {
      if (error instanceof AskFailed && !error.temporary) {
        this.keep(this.pending.map((each) => (each.cid === cid ? { ...each, refused: error.code } : each)))
        return
      }
      await this.pause()
    }
  }

  /** Ask again and again while the server is away; null when it refuses. */
  private async trying(ask: () => Promise<unknown>): Promise<unknown> {
    for (; !this.stopped;) {
      try {
        const told = await ask()
        this.failures = 0
        return told
      } catch (error) {
        if (error instanceof AskFailed && !error.temporary) return null
        await this.pause()
      }
    }
    return null
  }

  private pause(): Promise<void> {
    const ms = AGAIN_MS[Math.min(this.failures, AGAIN_MS.length - 1)]!
    this.failures += 1
    return new Promise((done) => this.ways.later(ms, done))
  }

  private keep(pending: readonly Pending[]): void {
    this.pending = pending
    this.ways.writePending(pending)
    this.changed()
  }

  private logFor(conversation: string): Log {
    let log = this.logs.get(conversation)
    if (!log) this.logs.set(conversation, (log = new Log()))
    return log
  }
}

interface Marked {
  readonly recv_seq: number
  readonly read_seq: number
  readonly unread: number
}
