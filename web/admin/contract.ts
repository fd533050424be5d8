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
}
