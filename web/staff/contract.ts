/** What travels at sign-in of staff; docs/api/openapi.json is the source. */

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
  /** the password has grown too old: a new one goes with the code */
  must_change?: boolean
  enrol?: Enrolment
}

export interface StaffMe {
  number: string
  name: string
  role: string
  lines: string[]
  recovery_codes_left: number
  must_change: boolean
}
