/** Files on one device: asked for together, sent once, tried again, given up with a reason. */
import { describe, expect, it } from 'vitest'
import { Files, sizeIn } from '../src/im/files'
import type { FileWays, Picked } from '../src/im/files'
import type { Body } from '../src/im/shapes'
import { AskFailed } from '../src/im/talk'

const PHOTO: Picked = { kind: 'image', name: '', bytes: 100, seconds: 0, preview: 'blob:1', content: null }
const END = '2026-11-26T12:10:00+08:00'
const NOW = Date.parse('2026-11-26T12:00:00+08:00')

function device(change: Partial<FileWays> = {}) {
  const asked: string[][] = []
  const said: Body[] = []
  const freed: string[] = []
  const clock = { now: NOW, waits: [] as { at: number; act: () => void }[] }
  let count = 0
  const ways: FileWays = {
    links: async (_, files) => {
      asked.push([...files])
      const links = files
        .filter((file) => !file.startsWith('gone'))
        .map((file) => ({
          file,
          media_type: 'image/jpeg',
          bytes: 1,
          url: `/f/${file}#${asked.length}`,
          thumbnail: null,
        }))
      return { links, expires_at: END }
    },
    begin: async () => ({ url: `/up/${(count += 1)}` }),
    bring: async (url, picked, heard) => {
      heard(0.5)
      return { id: url.slice(4), bytes: picked.bytes, seconds: picked.kind === 'voice' ? 3 : null }
    },
    say: (_, body) => void said.push(body),
    free: (picked) => void freed.push(picked.preview),
    newKey: () => `k${(count += 1)}`,
    later: (ms, act) => void clock.waits.push({ at: clock.now + ms, act }),
    now: () => clock.now,
    ...change,
  }
  const files = new Files(ways, () => undefined)
  const rest = async (ms: number) => {
    const end = clock.now + ms
    for (;;) {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
      const next = clock.waits.filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      clock.waits.splice(clock.waits.indexOf(next), 1)
      clock.now = Math.max(clock.now, next.at)
      next.act()
    }
    clock.now = end
  }
  return { files, asked, said, freed, rest }
}

describe('links', () => {
  it('are asked for together and once', async () => {
    const { files, asked, rest } = device()
    for (let turn = 0; turn < 3; turn += 1) for (const file of ['a', 'b']) files.link('c1', file)
    expect(files.link('c1', 'a')).toBeNull()
    await rest(100)
    expect(asked).toEqual([['a', 'b']])
    expect(files.link('c1', 'a')?.url).toBe('/f/a#1')
    await rest(100)
    expect(asked).toHaveLength(1)
  })

  it('are asked for anew before they end, and the old one is shown meanwhile', async () => {
    const { files, asked, rest } = device()
    files.link('c1', 'a')
    await rest(9 * 60_000 + 1_000)
    expect(files.link('c1', 'a')?.url).toBe('/f/a#1')
    await rest(100)
    expect(asked).toHaveLength(2)
    expect(files.link('c1', 'a')?.url).toBe('/f/a#2')
  })

  it('that may not be had are not asked for again at once', async () => {
    const { files, asked, rest } = device()
    files.link('c1', 'gone1')
    await rest(100)
    files.link('c1', 'gone1')
    await rest(1_000)
    expect(asked).toHaveLength(1)
  })

  it('are asked for again a while after a failure', async () => {
    let fails = true
    const { files, rest } = device({
      links: async () => {
        if (fails) throw new AskFailed('unreachable', true)
        return {
          links: [{ file: 'a', media_type: '', bytes: 1, url: '/f/a', thumbnail: null }],
          expires_at: END,
        }
      },
    })
    files.link('c1', 'a')
    await rest(100)
    fails = false
    files.link('c1', 'a')
    await rest(6_000)
    files.link('c1', 'a')
    await rest(100)
    expect(files.link('c1', 'a')?.url).toBe('/f/a')
  })
})

describe('what is sent', () => {
  it('is one message, however many pictures', async () => {
    const { files, said, freed, rest } = device()
    files.send('c1', [PHOTO, { ...PHOTO, preview: 'blob:2' }], '舌苔')
    expect(files.of('c1')).toHaveLength(1)
    await rest(100)
    expect(said).toEqual([{ type: 'image', files: ['2', '3'], text: '舌苔' }])
    expect(files.of('c1')).toEqual([])
    expect(freed).toEqual(['blob:1', 'blob:2'])
  })

  it('says of a voice and a document what the server found', async () => {
    const { files, said, rest } = device()
    files.send('c1', [{ ...PHOTO, kind: 'voice', seconds: 2.2 }])
    files.send('c1', [{ ...PHOTO, kind: 'file', name: '化验单.pdf', bytes: 900 }])
    await rest(100)
    expect(said[0]).toMatchObject({ type: 'voice', seconds: 3 })
    expect(said[1]).toMatchObject({ type: 'file', name: '化验单.pdf', bytes: 900 })
  })

  it('is tried again after a break, and says in the end why not', async () => {
    let fails = 2
    const flaky = device({
      bring: async (url, picked) => {
        if (fails-- > 0) throw new AskFailed('unreachable', true)
        return { id: url.slice(4), bytes: picked.bytes, seconds: null }
      },
    })
    flaky.files.send('c1', [PHOTO])
    await flaky.rest(10_000)
    expect(flaky.said).toHaveLength(1)
    fails = 3
    flaky.files.send('c1', [PHOTO])
    await flaky.rest(10_000)
    expect(flaky.said).toHaveLength(1)
    const left = flaky.files.of('c1')[0]!
    expect(left.failed).toBe('unreachable')
    flaky.files.again(left.key)
    await flaky.rest(10_000)
    expect(flaky.said).toHaveLength(2)
  })

  it('is not tried again where it was refused, and can be dropped', async () => {
    let tries = 0
    const { files, said, rest } = device({
      bring: async () => {
        tries += 1
        throw new AskFailed('im.file_not_taken', false)
      },
    })
    files.send('c1', [PHOTO])
    await rest(10_000)
    expect(tries).toBe(1)
    expect(files.of('c1')[0]?.failed).toBe('im.file_not_taken')
    files.drop(files.of('c1')[0]!.key)
    expect(files.of('c1')).toEqual([])
    expect(said).toEqual([])
  })

  it('that is dropped on its way is not said', async () => {
    const { files, said, rest } = device()
    files.send('c1', [PHOTO])
    files.drop(files.of('c1')[0]!.key)
    await rest(10_000)
    expect(said).toEqual([])
  })
})

it('says sizes as people do', () => {
  expect([900, 320_000, 1_440_000].map(sizeIn)).toEqual(['1 KB', '320 KB', '1.4 MB'])
})
