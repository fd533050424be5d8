/** What travels between the back office and the platform; docs/api/openapi.json is the source. */

export type StaffState = 'invited' | 'active' | 'locked' | 'closed'

export interface StaffAccount {
  number: string
  name: string
  role: string
  lines: string[]
  state: StaffState
  granted: boolean
  created_at: string
  last_sign_in_at: string | null
}

export interface Invitation {
  token: string
  expires_at: string
}

export interface SessionItem {
  id: string
  user: string
  role: string
  device: string
  address: string
  created_at: string
  last_used_at: string
  current?: boolean
}

export interface PolicyRule {
  action: string
  roles: string[] | null
  touches: string
  reach: string
  managed: boolean
}

export interface AuditRecord {
  sequence: number
  at: string
  actor: string
  role: string
  address: string
  action: string
  object: string
  result: string
  code: string
}

export interface AuditPage {
  records: AuditRecord[]
  next: string | null
}

export interface AuditStandingBody {
  records: number
  bytes: number
  oldest_day: string | null
  kept_days: number
  signed_at: string | null
  days_left: number | null
  verified: { at: string; records: number; heads: number; troubles: number } | null
  warnings: string[]
}

export interface ByResult {
  name: string
  done: number
  refused: number
  failed: number
}

export interface Named {
  name: string
  count: number
}

export interface Review {
  month: string
  version: number
  state: 'draft' | 'signed'
  drafted_at: string
  drafted_by: string
  counts: {
    records: number
    first: number
    last: number
    days: Named[]
    touches: ByResult[]
    actions: ByResult[]
    roles: ByResult[]
    refusals: Named[]
    sign_ins: ByResult
    night: Named[]
    reveals: Named[]
    addresses: { address: string; count: number; refused: number }[]
    stopped: number
    chain: { verified_at: string | null; records: number; heads: number; troubles: number }
    room: { days_left: number | null; kept_days: number }
  }
  proposed: { code: string; level: 'note' | 'warning' | 'serious'; zh: string; en: string }[]
  findings: string
  conclusion: string
  reviewer: string
  signed_at: string | null
  digest: string
}

export interface ReviewSummary {
  month: string
  state: 'draft' | 'signed'
  drafted_at: string
  reviewer: string
  signed_at: string | null
}

export interface ReviewItem {
  id: string
  conversation: string
  seq: number
  role: string
  action: string
  labels: string[]
  urgent: boolean
  created_at: string
  decision: 'waiting' | 'fine' | 'removed'
  by: string
  decided_at: string | null
}

export interface ReviewView {
  item: ReviewItem
  original: string
  note: string
  context: { seq: number; role: string; text: string; created_at: string }[]
}

export interface WordItem {
  id: string
  word: string
  action: string
  label: string
  urgent: boolean
  shipped: boolean
  by: string
}

export interface HoldItem {
  id: string
  conversation: string
  reason: string
  by: string
  placed_at: string
  lifted_at: string | null
  lifted_by: string
  lifted_because: string
}

export interface EndingItem {
  conversation: string
  retention: 'process' | 'record'
  ended_at: string | null
  due_at: string
  purged_at: string | null
  messages: number
}

export interface PracticeItem {
  user: string
  name: string
  title: string
  department: string
  fee_fen: number
  turns: number
  window_hours: number
  taking: boolean
  confirmed: boolean
}

/** 科室, as the hospital lists it. */
export interface DepartmentItem {
  readonly id: string
  readonly name: string
}

/** A text at hand. */
export interface QuickReplyItem {
  readonly id: string
  readonly title: string
  readonly text: string
}
