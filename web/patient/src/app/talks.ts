/** What is said by and to whoever is signed in: one `Talk` for all pages, made and let go with the session. */
import { ref } from 'vue'
import type { Ref } from 'vue'
import type { AskSigned } from '../api/account'
import { Problem } from '../api/ask'
import type { Event } from '../im/shapes'
import { Files } from '../im/files'
import type { Link } from '../im/files'
import { AskFailed, Talk } from '../im/talk'
import type { Pending } from '../im/talk'
import { ROOMS_MOST } from '../limits'
import type { Channel } from '../queue/follow'
import type { PersonalLink } from '../realtime/link'
import type { Session } from '../account/session'
import { bring, freePicked, saveDocument } from './media'
import type { Storage } from './memory'
import { chanceName } from './platform'

const KEPT = 'pending'
/** Who writes is forgotten when nothing more is heard of it. */
const TYPING_MS = 6_000

export class Talks {
  /** Counts the changes: whatever is computed of the talk looks at it. */
  readonly tick: Ref<number> = ref(0)
  readonly live: Ref<boolean> = ref(false)
  private held: { user: string; talk: Talk; files: Files; close: () => void } | null = null
  /** Rooms of news that are heard, by conversation. */
  private readonly rooms = new Map<string, Channel>()

  constructor(
    private readonly ask: AskSigned,
    private readonly link: PersonalLink,
    private readonly session: Session,
    private readonly storage: Storage,
  ) {
    session.watch(() => {
      if (this.held && session.user !== this.held.user) this.end()
    })
    this.user = () => session.user
  }

  private readonly user: () => string

  /** The talk of whoever is signed in; begun with the first page that needs it. */
  get mine(): Talk {
    const user = this.user()
    if (this.held?.user === user) return this.held.talk
    if (this.held) this.end()
    const talk = new Talk(
      {
        ask: (verb, data) => this.over(verb, data),
        readPending: () => this.pending(user),
        writePending: (pending) => this.storage.write(KEPT, { user, pending }),
        newCid: () => `p-${chanceName()}`,
        later: (ms, act) => void setTimeout(act, ms),
      },
      user,
      () => {
        this.tick.value += 1
        this.hearRooms(talk)
      },
    )
    const close = this.link.personal({
      connected: (recovered) => {
        this.live.value = true
        talk.connected(recovered)
      },
      published: (data) => this.hears(talk, data as Event),
      lost: () => (this.live.value = false),
    })
    this.held = { user, talk, files: this.filesOf(talk), close }
    void talk.sync()
    return talk
  }

  /** Files of whoever is signed in. */
  get files(): Files {
    void this.mine
    return this.held!.files
  }

  /** The record of a consultation, handed over as PDF. */
  async saveRecord(id: string, name: string): Promise<void> {
    await saveDocument(`/v1/consultations/${id}/record/document`, await this.session.token(), name)
  }

  private filesOf(talk: Talk): Files {
    return new Files(
      {
        links: async (conversation, files) =>
          (await this.over('links', { conversation, files })) as { links: Link[]; expires_at: string },
        begin: async (asked) => (await this.overHttp('uploads', asked)) as { url: string },
        bring: async (url, picked, heard) => bring(url, await this.session.token(), picked, heard),
        say: (conversation, body) => talk.say(conversation, body),
        free: freePicked,
        newKey: chanceName,
        later: (ms, act) => void setTimeout(act, ms),
        now: Date.now,
      },
      () => (this.tick.value += 1),
    )
  }

  /** What departments tell comes on a channel of each, and not on one's own. */
  private hearRooms(talk: Talk): void {
    if (this.held?.talk !== talk) return
    const wanted = new Set(talk.followed.slice(0, ROOMS_MOST).map((each) => each.id))
    for (const [id, channel] of this.rooms) {
      if (wanted.has(id)) continue
      channel.close()
      this.rooms.delete(id)
    }
    for (const id of wanted) {
      if (this.rooms.has(id)) continue
      const listener = {
        published: (data: unknown) => talk.hear(data as Event),
        subscribed: () => void talk.heardFrom(id),
        link: () => undefined,
      }
      this.rooms.set(id, this.link.open(`room:${id}`, null, listener))
    }
  }

  private end(): void {
    for (const channel of this.rooms.values()) channel.close()
    this.rooms.clear()
    this.held?.talk.stop()
    this.held?.close()
    this.held = null
    this.storage.write(KEPT, null)
    this.tick.value += 1
  }

  private hears(talk: Talk, event: Event): void {
    talk.hear(event)
    if (event.event !== 'typing' || !event.on) return
    setTimeout(() => {
      talk.typing.delete(event.conversation)
      this.tick.value += 1
    }, TYPING_MS)
  }

  private pending(user: string): readonly Pending[] {
    const kept = this.storage.read(KEPT) as { user?: unknown; pending?: unknown } | null | undefined
    return kept && kept.user === user && Array.isArray(kept.pending) ? (kept.pending as Pending[]) : []
  }

  /** Over the socket while it stands, else over HTTP. */
  private async over(verb: string, data: Record<string, unknown>): Promise<unknown> {
    if (this.link.connected) {
      try {
        return await this.link.call(`im.${verb}`, data)
      } catch (failure) {
        throw failedOver(failure)
      }
    }
    return this.overHttp(verb, data)
  }

  private async overHttp(verb: string, data: Record<string, unknown>): Promise<unknown> {
    try {
      return await this.ask({ method: 'POST', path: `/v1/im/${verb}`, body: data })
    } catch (failure) {
      if (!(failure instanceof Problem)) throw new AskFailed('unreachable', true)
      throw new AskFailed(failure.code, failure.status === 429 || failure.status >= 500)
    }
  }
}

/** Numbers from 1000 on are an HTTP status behind a 1; below they are the connection's own. */
function failedOver(failure: unknown): AskFailed {
  const {
    code = 0,
    message = '',
    temporary = false,
  } = (failure ?? {}) as {
    code?: number
    message?: string
    temporary?: boolean
  }
  return new AskFailed(message, temporary || code < 1000 || code >= 1500 || code === 1429)
}
