/** The built mini-programs, run: the same packages that are uploaded, over the hosts' own sockets. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startFake } from './fake-server.mjs'
import type { FakeServer } from './fake-server.mjs'
import { startMiniProgram } from './mini-host.mjs'

const built = (platform: string) => fileURLToPath(new URL(`../dist/${platform}`, import.meta.url))
const QUEUE = 'pages/queue/index'

async function until(holds: () => boolean) {
  for (let tries = 0; tries < 500 && !holds(); tries++) await new Promise((done) => setTimeout(done, 10))
  expect(holds()).toBe(true)
}

describe.each([
  ['weapp', 'wx'],
  ['alipay', 'my'],
] as const)('the %s package', (platform, host) => {
  const missing = !existsSync(`${built(platform)}/app.js`)
  let fake: FakeServer
  beforeEach(async () => {
    fake = await startFake()
  })
  afterEach(() => fake.close())

  it.skipIf(missing)(
    'follows a ticket, vibrates for its call, rests when hidden and catches up',
    async () => {
      const program = startMiniProgram(built(platform), host, fake.port)
      const page = program.open(QUEUE, { line: 'L0301', ticket: 'a017' })
      await until(() => page.text().includes('实时更新'))
      expect(page.text()).toContain('前面还有 3 位')
      expect(page.text()).toContain('大约 11–21 分钟')

      const calling = (call: number) => [
        { number: 'A017', room: 'R301', room_name: '301诊室', state: 'called', call },
      ]
      fake.publish({ line: 'L0301', board: { waiting: ['A018'], ready: [], now: calling(1) } })
      await until(() => page.text().includes('正在叫您的号'))
      expect(program.watched.vibrations).toBe(1)
      expect(program.watched.titles.at(-1)).toContain('301诊室')

      page.hide()
      await until(() => fake.sockets.size === 0)
      fake.publish({ line: 'L0301', board: { now: calling(2) } })
      fake.publish({ line: 'L0301', board: { now: [], passed: ['A017'] } })
      page.show()
      await until(() => page.text().includes('已过号'))

      page.close()
      await until(() => fake.sockets.size === 0)
    },
  )

  it.skipIf(missing)('lists the lines and opens a scanned code', async () => {
    const program = startMiniProgram(built(platform), host, fake.port)
    const lines = program.open('pages/lines/index', {})
    await until(() => lines.text().includes('心内科普通门诊'))
    lines.close()

    const scanned = encodeURIComponent('https://h.example/h5/?line=L0301&ticket=A013')
    const page = program.open(QUEUE, platform === 'weapp' ? { q: scanned } : { qrCode: scanned })
    await until(() => page.text().includes('302诊室'))
    page.close()
  })
})
