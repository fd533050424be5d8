/**
 * Files of conversations on one device: where to see those that were sent, and those that are on their way.
 *
 * No platform and no clock of its own, as `talk.ts`. What is picked stands in the page at once and goes up piece by
 * piece; then one message takes all of it. Links are asked for together and anew before they end.
 */
import type { Body } from './shapes'
import { AskFailed } from './talk'

export interface Link {
  readonly file: string
  readonly media_type: string
  readonly bytes: number
  readonly url: string
  readonly thumbnail: string | null
}

/** What somebody chose or recorded. `preview` is an address that this device can show. */
export interface Picked {
  readonly kind: 'image' | 'voice' | 'file'
  readonly name: string
  readonly bytes: number
  readonly seconds: number
  readonly preview: string
  readonly content: unknown
}

export interface Stored {
  readonly id: string
  readonly bytes: number
  readonly seconds: number | null
}

export interface Outgoing {
  readonly key: string
  readonly conversation: string
  readonly picked: readonly Picked[]
  readonly text: string
  /** How much is up, 0 to 1. */
  readonly part: number
  /** Why it is not taken; null while it is on its way. */
  readonly failed: string | null
}

export interface FileWays {
  links(
    conversation: string,
    files: readonly string[],
  ): Promise<{ links: readonly Link[]; expires_at: string }>
  /** Announce one. Rejects with `AskFailed`. */
  begin(asked: { conversation: string; kind: string; name: string; bytes: number }): Promise<{ url: string }>
  /** Send one up, telling how much of it is. Rejects with `AskFailed`. */
  bring(url: string, picked: Picked, heard: (part: number) => void): Promise<Stored>
  say(conversation: string, body: Body): void
  /** What was picked is needed no more. */
  free(picked: Picked): void
  newKey(): string
  later(ms: number, act: () => void): void
  now(): number
}

/** A message has at most so many pictures. */
export const PICTURES_MOST = 9
const TOGETHER_MS = 30
const AGAIN_AFTER_MS = 5_000
const TRIES = 3
const BEFORE_END_MS = 60_000
/** Asked for at once, at most. */
const ASKED_MOST = 50

interface Held {
  readonly link: Link | null
  readonly until: number
}

export class Files {
  outgoing: readonly Outgoing[] = []
  private readonly held = new Map<string, Held>()
  private readonly wanted = new Map<string, Set<string>>()
  private readonly going = new Set<string>()

  constructor(
    private readonly ways: FileWays,
    private readonly changed: () => void,
  ) {}

  /** Where a file is; null while that is not known, or when it may not be seen. */
  link(conversation: string, file: string): Link | null {
    const held = this.held.get(file)
    if (!held || held.until <= this.ways.now()) this.want(conversation, file)
    return held?.link ?? null
  }

  /** What is on its way in a conversation. */
  of(conversation: string): readonly Outgoing[] {
    return this.outgoing.filter((each) => each.conversation === conversation)
  }

  /** Send pictures together, or one voice or document. */
  send(conversation: string, picked: readonly Picked[], text = ''): void {
    if (picked.length === 0) return
    const key = this.ways.newKey()
    const some = picked.slice(0, PICTURES_MOST)
    this.keep([...this.outgoing, { key, conversation, picked: some, text, part: 0, failed: null }])
    void this.bring(key)
  }

  again(key: string): void {
    this.change(key, { failed: null, part: 0 })
    void this.bring(key)
  }

  drop(key: string): void {
    for (const one of this.outgoing.find((each) => each.key === key)?.picked ?? []) this.ways.free(one)
    this.keep(this.outgoing.filter((each) => each.key !== key))
  }

  private async bring(key: string): Promise<void> {
    const out = this.outgoing.find((each) => each.key === key)
    if (!out || this.going.has(key)) return
    this.going.add(key)
    try {
      const stored: Stored[] = []
      for (const one of out.picked) {
        stored.push(await this.bringOne(out, one, stored.length))
        if (!this.outgoing.some((each) => each.key === key)) return
      }
      this.ways.say(out.conversation, bodyOf(out, stored))
      this.drop(key)
    } catch (error) {
      this.change(key, { failed: error instanceof AskFailed ? error.code : 'core.unavailable' })
    } finally {
      this.going.delete(key)
    }
  }

  /** An upload that breaks off is begun anew a few times: the server forgets the half of it. */
  private async bringOne(out: Outgoing, one: Picked, done: number): Promise<Stored> {
    for (let tried = 1; ; tried += 1) {
      try {
        const { conversation } = out
        const begun = await this.ways.begin({
          conversation,
          kind: one.kind,
          name: one.name,
          bytes: one.bytes,
        })
        return await this.ways.bring(begun.url, one, (part) =>
          this.change(out.key, { part: (done + part) / out.picked.length }),
        )
      } catch (error) {
        if (!(error instanceof AskFailed) || !error.temporary || tried === TRIES) throw error
        await new Promise<void>((go) => this.ways.later(1_000 * tried, go))
      }
    }
  }

  private want(conversation: string, file: string): void {
    const some = this.wanted.get(conversation) ?? new Set()
    if (some.has(file)) return
    if (this.wanted.size === 0) this.ways.later(TOGETHER_MS, () => void this.ask())
    this.wanted.set(conversation, some.add(file))
  }

  private async ask(): Promise<void> {
    const wanted = [...this.wanted]
    this.wanted.clear()
    for (const [conversation, files] of wanted) {
      const all = [...files]
      for (let at = 0; at < all.length; at += ASKED_MOST) {
        await this.askFor(conversation, all.slice(at, at + ASKED_MOST))
      }
    }
    this.changed()
  }

  private async askFor(conversation: string, files: readonly string[]): Promise<void> {
    const failed = this.ways.now() + AGAIN_AFTER_MS
    for (const file of files) this.held.set(file, { link: this.held.get(file)?.link ?? null, until: failed })
    this.ways.later(AGAIN_AFTER_MS, this.changed)
    const told = await this.ways.links(conversation, files).catch(() => null)
    if (told === null) return
    const until = this.ways.now() + Math.max(AGAIN_AFTER_MS, lifeOf(told.expires_at, this.ways.now()))
    const found = new Map(told.links.map((link) => [link.file, link]))
    for (const file of files) this.held.set(file, { link: found.get(file) ?? null, until })
  }

  private change(key: string, change: Partial<Outgoing>): void {
    this.keep(this.outgoing.map((each) => (each.key === key ? { ...each, ...change } : each)))
  }

  private keep(outgoing: readonly Outgoing[]): void {
    this.outgoing = outgoing
    this.changed()
  }
}

/** A phone's clock may be wrong: nothing is trusted for longer than the server lets a link live. */
const LIFE_MOST_MS = 9 * 60_000
const lifeOf = (end: string, now: number): number =>
  Math.min(LIFE_MOST_MS, (Date.parse(end) || 0) - now - BEFORE_END_MS)

function bodyOf(out: Outgoing, stored: readonly Stored[]): Body {
  const one = out.picked[0]!
  const first = stored[0]!
  if (one.kind === 'voice') {
    return { type: 'voice', file: first.id, seconds: first.seconds ?? Math.max(1, Math.round(one.seconds)) }
  }
  if (one.kind === 'file') return { type: 'file', file: first.id, name: one.name, bytes: first.bytes }
  const files = stored.map((each) => each.id)
  return out.text ? { type: 'image', files, text: out.text } : { type: 'image', files }
}

/** 1.4 MB, 320 KB: as people say it. */
export function sizeIn(bytes: number): string {
  return bytes >= 1_000_000
    ? `${(bytes / 1_000_000).toFixed(1)} MB`
    : `${Math.max(1, Math.round(bytes / 1000))} KB`
}
