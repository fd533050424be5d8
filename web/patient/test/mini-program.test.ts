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

async function asks(
  fake: FakeServer,
  path: string,
  body: object,
  token = '',
): Promise<Record<string, string>> {
  const answer = await fetch(`http://127.0.0.1:${fake.port}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}` },
  })
  return (await answer.json()) as Record<string, string>
}

/** The same person as the mini-program's, on another device. */
async function signedIn(fake: FakeServer, by: 'wechat' | 'alipay'): Promise<string> {
  const code = by === 'wechat' ? 'mini-openid-9' : 'alipay-user-9'
  return (await asks(fake, `/v1/sign-in/${by}-mini`, { code })).access_token!
}

async function aPatient(fake: FakeServer, token: string): Promise<void> {
  await asks(fake, '/v1/consents/sensitive_health/give', { version: '2026-11' }, token)
  const person = { name: '王建国', id_kind: 'cn_id', id_number: '11010519491231002X', phone: '13800138000' }
  const { id } = await asks(fake, '/v1/patients', { ...person, relation: 'self' }, token)
  await asks(fake, `/v1/patients/${id}/health-card`, {}, token)
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

  it.skipIf(missing)('signs in by its host, adds nobody unasked and stays signed in', async () => {
    const program = startMiniProgram(built(platform), host, fake.port)
    const page = program.open('pages/sign-in/index', {})
    const own = platform === 'weapp' ? '不提供手机号，直接登录' : '支付宝登录'
    await until(() => page.text().includes(own) && page.text().includes('《隐私政策》'))
    page.press(own)
    await until(() => page.text().includes('请先阅读条款'))
    expect(
      fake.asked.filter((each) => each.path.startsWith('/v1/sign-in/') && each.method === 'POST'),
    ).toEqual([])

    page.press('我已阅读并同意')
    page.press(own)
    await until(() => program.watched.went.includes('/pages/me/index'))
    const signed = fake.asked.find(
      (each) => each.path === `/v1/sign-in/${platform === 'weapp' ? 'wechat' : 'alipay'}-mini`,
    )
    expect(signed?.body).toEqual({ code: platform === 'weapp' ? 'mini-openid-1' : 'alipay-user-1' })
    const given = fake.asked.filter((each) => each.path.endsWith('/give')).map((each) => each.path)
    expect(given).toEqual(['/v1/consents/terms/give', '/v1/consents/privacy/give'])
    expect(JSON.stringify(program.watched.stored)).not.toContain('access')
    page.close()

    const me = program.open('pages/me/index', {})
    await until(() => me.text().includes('登录的设备') && me.text().includes('开始使用'))
    fake.expire()
    me.hide()
    me.show()
    await until(() => fake.asked.some((each) => each.path === '/v1/session/refresh'))
    expect(me.text()).toContain('退出登录')

    fake.end_sessions()
    me.hide()
    me.show()
    await until(() => program.watched.went.includes('/pages/sign-in/index'))
    await until(() => me.text().includes('您的登录已结束'))
    me.close()
  })

  it.skipIf(missing)('shows a health card on a bright screen and forgets its code when hidden', async () => {
    const program = startMiniProgram(built(platform), host, fake.port)
    const token = await signedIn(fake, platform === 'weapp' ? 'wechat' : 'alipay')
    const page = program.open('pages/sign-in/index', {})
    await until(() => page.text().includes('《隐私政策》') && page.text().includes('登录'))
    page.press('我已阅读并同意')
    page.press(platform === 'weapp' ? '不提供手机号，直接登录' : '支付宝登录')
    await until(() => program.watched.went.includes('/pages/me/index'))
    page.close()
    await aPatient(fake, token)

    const card = program.open('pages/card/index', {})
    await until(() => card.images().length === 1)
    expect(card.text()).toContain('请向扫码机或工作人员出示')
    await until(() => program.watched.brightness === 1)
    expect(JSON.stringify(program.watched.stored)).not.toContain('svg')

    card.hide()
    await until(() => program.watched.brightness === 0.4 && card.images().length === 0)
    card.show()
    await until(() => card.images().length === 1)
    expect(fake.asked.filter((each) => each.path.endsWith('/code')).length).toBe(2)
    card.close()
  })

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
