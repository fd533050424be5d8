import { describe, expect, it } from 'vitest'
import { Unreachable } from '../src/api/ask'
import { linesApi } from '../src/api/lines'
import { Memory } from '../src/app/memory'
import { byDepartment, nameWithin } from '../src/queue/directory'
import { entryOf, queryOf } from '../src/queue/entry'
import { NoSuchLine } from '../src/queue/follow'
import { aSnapshot } from './boards'

describe('arriving at a line', () => {
  const link = encodeURIComponent('https://h.example/h5/#/pages/queue/index?line=L0301&ticket=A017')

  it.each([
    ['page parameters', { line: 'L0301', ticket: 'a017' }],
    ['a link scanned by WeChat', { q: link }],
    ['a link scanned by Alipay', { qrCode: decodeURIComponent(link) }],
    ['a mini-program code', { scene: encodeURIComponent('line=L0301&ticket=A017') }],
  ])('by %s', (_, query) => expect(entryOf(query)).toEqual({ line: 'L0301', ticket: 'A017' }))

  it('without anything said', () => expect(entryOf({})).toEqual({ line: '', ticket: '' }))
  it('survives a broken code', () => expect(entryOf({ q: '%E0%A4%A' })).toEqual({ line: '', ticket: '' }))
  it('and back into a link', () =>
    expect(queryOf({ line: 'L 1', ticket: 'A017' })).toBe('line=L%201&ticket=A017'))
})

describe('the list of lines', () => {
  const item = (id: string, department: string, doctor: string, room: string) => ({
    id,
    name: `${department}门诊`,
    department: '',
    department_name: department,
    doctor,
    rooms: [{ id: room, name: room }],
    open: 'open',
    waiting: 3,
    fresh: true,
  })
  const pages = [
    { items: [item('L1', '心内科', '张医生', '301诊室'), item('L2', '儿科', '', '108诊室')], next: 'c2' },
    { items: [item('L3', '心内科', '李医生', '302诊室')], next: null },
  ]

  it('follows the pages and keeps departments together', async () => {
    const asked: string[] = []
    const api = linesApi(async (path) => {
      asked.push(path)
      return { status: 200, body: pages[asked.length - 1] }
    })
    const lines = await api.list()
    expect(asked[1]).toContain('cursor=c2')
    expect(byDepartment(lines, '').map(({ name, lines: members }) => [name, members.length])).toEqual([
      ['心内科', 2],
      ['儿科', 1],
    ])
    expect(
      byDepartment(lines, '心内 302').flatMap(({ lines: members }) => members.map(({ id }) => id)),
    ).toEqual(['L3'])
    expect(byDepartment(lines, 'nothing')).toEqual([])
    expect(lines.map(nameWithin)).toEqual(['门诊', '门诊', '门诊'])
  })
})

describe('asking the server', () => {
  const answering = (status: number, body: unknown) => linesApi(async () => ({ status, body }))

  it('knows a line that does not exist from a server that fails', async () => {
    await expect(answering(404, null).snapshot('L9')).rejects.toThrow(NoSuchLine)
    await expect(answering(503, null).snapshot('L9')).rejects.toThrow(Unreachable)
    await expect(answering(200, { half: true }).snapshot('L9')).rejects.toThrow(Unreachable)
    expect((await answering(200, aSnapshot()).snapshot('L0301')).position).toEqual({ offset: 5, epoch: 'e1' })
  })

  it.each([
    [404, null, 'not_found'],
    [200, { state: 'done' }, 'done'],
    [200, { state: 'waiting' }, 'moving'],
    [200, null, 'moving'],
  ])('a ticket answered with %s %j is %s', async (status, body, fate) => {
    expect(await answering(status, body).fate('L1', 'A017')).toBe(fate)
  })
})

describe('what the phone remembers', () => {
  const aMemory = (clock: { now: number }) => {
    const kept = new Map<string, unknown>()
    return new Memory(
      { read: (key) => kept.get(key), write: (key, value) => void kept.set(key, value) },
      () => clock.now,
    )
  }

  it('a number, but not until tomorrow', () => {
    const clock = { now: 0 }
    const memory = aMemory(clock)
    memory.follow({ line: 'L1', ticket: 'A017', day: '2026-11-23', lineName: '心内科' })
    expect(memory.followed()?.ticket).toBe('A017')
    clock.now = 19 * 3600_000
    expect(memory.followed()).toBeNull()
  })

  it('which call it has announced', () => {
    const memory = aMemory({ now: 0 })
    expect([memory.firstTime('c1'), memory.firstTime('c1'), memory.firstTime('c2')]).toEqual([
      true,
      false,
      true,
    ])
  })
})
