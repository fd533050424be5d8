/** What travels of conversations, as `im/wire.py` says it. No platform: the phone and the doctor's page share it. */

export type Body =
  | { type: 'text'; text: string }
  | { type: 'image'; files: string[]; text?: string; sha256?: string[] }
  | { type: 'voice'; file: string; seconds: number; sha256?: string[] }
  | { type: 'file'; file: string; name: string; bytes: number; sha256?: string[] }
  | { type: 'card'; card: string; id: string; status?: string }
  | { type: 'recall'; ref_seq: number }
  | { type: 'event'; code: string; facts?: Record<string, string | number> }

export interface Message {
  readonly conversation: string
  readonly seq: number
  readonly id: string
  readonly sender: string
  readonly role: string
  readonly cid: string
  readonly body: Body | null
  readonly state: 'sent' | 'recalled'
  readonly created_at: string
}

export interface Member {
  readonly user: string
  readonly role: string
  readonly name: string
  readonly read_seq: number
  readonly recv_seq: number
}

export interface Conversation {
  readonly id: string
  readonly kind: string
  readonly state: 'waiting' | 'active' | 'closed'
  readonly title: string
  /** Whose news it is, of a broadcast. */
  readonly department: string | null
  readonly last_seq: number
  readonly last: Message | null
  readonly read_seq: number
  readonly recv_seq: number
  readonly unread: number
  readonly members: readonly Member[]
  readonly expires_at: string | null
  readonly turns_left: number | null
  readonly changed_at: string
}

export type Event =
  | { event: 'message'; message: Message; turns_left?: number }
  | { event: 'pointer'; conversation: string; seq: number }
  | { event: 'receipt'; conversation: string; user: string; recv_seq: number; read_seq: number }
  | { event: 'conversation'; conversation: string; what: string }
  | { event: 'typing'; conversation: string; user: string; on: boolean }
  | { event: 'unreadable' }
