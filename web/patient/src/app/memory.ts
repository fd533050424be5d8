/** What the phone remembers between visits: choices and a ticket number. Never a name, never longer than a day. */
export interface Storage {
  read(key: string): unknown
  write(key: string, value: unknown): void
}

export interface Followed {
  readonly line: string
  readonly ticket: string
  /** The hospital day of the number; numbers begin anew each day. */
  readonly day: string
  readonly lineName: string
  readonly at: number
}

const FOLLOWED_FOR_MS = 18 * 3600_000

export class Memory {
  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {}

  get language(): string {
    return String(this.storage.read('language') ?? '')
  }
  set language(language: string) {
    this.storage.write('language', language)
  }

  get large(): boolean {
    return this.storage.read('large') === true
  }
  set large(large: boolean) {
    this.storage.write('large', large)
  }

  /** The name this phone gives itself, so that its owner finds it among the places signed in. */
  get device(): string {
    return String(this.storage.read('device') ?? '')
  }
  set device(device: string) {
    this.storage.write('device', device)
  }

  /** The ticket last followed, unless that was too long ago. */
  followed(): Followed | null {
    const held = this.storage.read('followed') as Followed | null | undefined | ''
    if (!held || typeof held.line !== 'string' || typeof held.ticket !== 'string') return null
    return this.now() - held.at < FOLLOWED_FOR_MS ? held : null
  }

  follow(followed: Omit<Followed, 'at'>): void {
    this.storage.write('followed', { ...followed, at: this.now() })
  }

  forget(): void {
    this.storage.write('followed', null)
  }

  /** True the first time this call is announced, on this phone. */
  firstTime(call: string): boolean {
    if (this.storage.read('announced') === call) return false
    this.storage.write('announced', call)
    return true
  }
}
