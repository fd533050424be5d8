/** What travels between the back office and the platform; docs/api/openapi.json is the source. */

export interface SignedIn {
  user: string
  session: string
  access_token: string
  expires_at: string
  refresh_token: string
}

export interface StaffSignedIn extends SignedIn {
  role: string
  name: string
  number: string
  /** once, when the second factor has just been set up */
  recovery_codes?: string[]
}

export interface Enrolment {
  secret: string
  otpauth: string
  svg: string
}

export interface Challenge {
  challenge: string
  second: 'totp' | 'enrol'
  enrol?: Enrolment
}

export interface StaffMe {
  number: string
  name: string
  role: string
  lines: string[]
  recovery_codes_left?: number
}

export type StaffState = 'invited' | 'active' | 'locked' | 'closed'

export interface StaffAccount {
  number: string
  name: string
  role: string
  lines: string[]
  state: StaffState
  has_second_factor?: boolean
  created_at?: string
  last_sign_in_at?: string | null
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
