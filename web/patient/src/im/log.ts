/**
 * The messages of one conversation as a device holds them: a piece without a gap, from the oldest that was looked at
 * to the newest that was told. Pure.
 */
import type { Message } from './shapes'

export type Taken = 'applied' | 'known' | 'gap'

export class Log {
  private held: Message[] = []

  /** The messages, oldest first. A new list after every change. */
  get messages(): readonly Message[] {
    return this.held
  }

  /** The newest number up to which everything is here; 0 when nothing is. */
  get newest(): number {
    return this.held[this.held.length - 1]?.seq ?? 0
  }

  get oldest(): number {
    return this.held[0]?.seq ?? 0
  }

  /** Begin anew with a page that ends with the newest message. */
  reset(page: readonly Message[]): void {
    this.held = []
    for (const message of page) this.take(message)
  }

  /** Take one that was told or pulled. A gap: pull from `newest`, then take it again. */
  take(message: Message): Taken {
    if (this.held.length > 0 && message.seq <= this.newest) return 'known'
    if (this.held.length > 0 && message.seq !== this.newest + 1) return 'gap'
    this.held = [...this.held, message]
    if (message.body?.type === 'recall') this.hide(message.body.ref_seq)
    return 'applied'
  }

  /** Take older ones, ascending, that end just before the oldest here. */
  prepend(page: readonly Message[]): void {
    const fitting = page.filter((message) => message.seq < this.oldest)
    const last = fitting[fitting.length - 1]
    if (last && last.seq === this.oldest - 1) this.held = [...fitting, ...this.held]
  }

  private hide(seq: number): void {
    this.held = this.held.map((message) =>
      message.seq === seq ? { ...message, state: 'recalled', body: null } : message,
    )
  }
}
