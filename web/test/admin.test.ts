import { describe, expect, it } from 'vitest'
import { actsFor } from '../admin/acts'
import { asked, NO_QUESTION } from '../admin/audit'
import type { StaffAccount } from '../admin/contract'
import { lastMonth, monthsToReview } from '../admin/months'
import { sayBytes } from '../admin/words'

const account = (more: Partial<StaffAccount> = {}): StaffAccount => ({
  number: '1007',
  name: '王小护',
  role: 'nurse',
  lines: [],
  state: 'active',
  granted: true,
  created_at: '2026-11-26T08:00:00+08:00',
  last_sign_in_at: null,
  ...more,
})

describe('what is offered for an account', () => {
  it('keeps the three administrators apart', () => {
    expect(actsFor('system_admin', account(), '0001')).toEqual(['close'])
    expect(actsFor('security_admin', account(), '0002')).toEqual(['role', 'lines', 'lock', 'reset'])
    expect(actsFor('audit_admin', account(), '0003')).toEqual([])
    expect(actsFor('doctor', account(), '1008')).toEqual([])
  })

  it('follows the state of the account', () => {
    expect(actsFor('security_admin', account({ state: 'locked' }), '2')).toContain('unlock')
    expect(actsFor('security_admin', account({ state: 'invited', granted: false }), '2')).toEqual([
      'grant',
      'role',
      'lines',
    ])
    expect(actsFor('system_admin', account({ state: 'invited' }), '1')).toEqual(['invite', 'close'])
    expect(actsFor('security_admin', account({ role: 'audit_admin' }), '2')).toEqual(['lock', 'reset'])
    expect(actsFor('security_admin', account({ role: 'cashier' }), '2')).not.toContain('lines')
    expect(actsFor('system_admin', account({ state: 'closed' }), '1')).toEqual([])
  })

  it('is nothing for one’s own account', () => {
    expect(actsFor('security_admin', account({ number: '0002', role: 'security_admin' }), '0002')).toEqual([])
  })
})

describe('a question to the log', () => {
  it('holds what was filled in and nothing else', () => {
    expect(asked(NO_QUESTION, null)).toBe('/v1/admin/audit')
    expect(asked({ ...NO_QUESTION, actor: ' nurse.0007 ' }, null)).toBe('/v1/admin/audit?actor=nurse.0007')
    expect(asked({ ...NO_QUESTION, result: 'refused' }, 'c1')).toBe(
      '/v1/admin/audit?result=refused&cursor=c1',
    )
  })

  it('says moments with their offset', () => {
    const path = asked({ ...NO_QUESTION, from: '2026-11-26T08:00' }, null)
    expect(new URLSearchParams(path.split('?')[1]).get('from')).toMatch(/^2026-11-2\dT\d\d:00:00\.000Z$/)
  })
})

it('sizes are said in the unit that fits', () => {
  expect([0, 999, 2048, 5_242_880, 734_003_200].map(sayBytes)).toEqual([
    '0 B',
    '999 B',
    '2.0 KB',
    '5.0 MB',
    '700 MB',
  ])
})

it('a review is of the month before, over the turn of the year too', () => {
  expect(lastMonth(new Date(2026, 0, 31))).toBe('2025-12')
  expect(lastMonth(new Date(2026, 2, 31))).toBe('2026-02')
  expect(monthsToReview(new Date(2026, 1, 1))).toHaveLength(13)
  expect(monthsToReview(new Date(2026, 1, 1)).slice(0, 3)).toEqual(['2026-02', '2026-01', '2025-12'])
})
