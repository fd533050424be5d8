/** Which administrator may do what to which account. Pure; the server decides, this only offers. */
import type { StaffAccount } from './contract'

export type Act = 'role' | 'lines' | 'lock' | 'unlock' | 'reset' | 'close'

export const ROLES = [
  'nurse',
  'doctor',
  'cashier',
  'service_desk',
  'system_admin',
  'security_admin',
  'audit_admin',
] as const

/** Nobody changes their own account here; a closed one stays closed. */
export function actsFor(role: string, account: StaffAccount, own: string): Act[] {
  if (account.state === 'closed' || account.number === own) return []
  if (role === 'system_admin') return ['close']
  if (role !== 'security_admin') return []
  const works = account.role === 'nurse' || account.role === 'doctor'
  return [
    'role',
    ...(works ? (['lines'] as const) : []),
    ...(account.state === 'locked'
      ? (['unlock'] as const)
      : account.state === 'active'
        ? (['lock'] as const)
        : []),
    'reset',
  ]
}
