/** Which administrator may do what to which account. Pure; the server decides, this only offers. */
import type { StaffAccount } from './contract'

export type Act = 'invite' | 'grant' | 'role' | 'lines' | 'lock' | 'unlock' | 'reset' | 'close'

/** Roles that can be exchanged for one another; an administrator is one from the beginning, or never. */
export const WORKERS = ['nurse', 'doctor', 'cashier', 'service_desk'] as const
export const ADMINISTRATORS = ['system_admin', 'security_admin', 'audit_admin'] as const
export const ROLES = [...WORKERS, ...ADMINISTRATORS] as const

const isAdministrator = (role: string): boolean => (ADMINISTRATORS as readonly string[]).includes(role)

/** Nobody changes their own account here; a closed one stays closed. */
export function actsFor(role: string, account: StaffAccount, own: string): Act[] {
  if (account.state === 'closed' || account.number === own) return []
  if (role === 'system_admin') return account.state === 'invited' ? ['invite', 'close'] : ['close']
  if (role !== 'security_admin') return []
  const acts: Act[] = account.granted ? [] : ['grant']
  if (!isAdministrator(account.role)) acts.push('role')
  if (account.role === 'nurse' || account.role === 'doctor') acts.push('lines')
  if (account.state === 'locked') acts.push('unlock')
  if (account.state === 'active') acts.push('lock', 'reset')
  return acts
}

/** The path of an act and what goes with it. */
export function actPath(act: Act): string {
  return act === 'grant' ? 'role' : act
}
