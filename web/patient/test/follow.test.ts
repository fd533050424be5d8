import { beforeEach, describe, expect, it } from 'vitest'
import { readSnapshot } from '../src/queue/board'
import { LineFollower, NoSuchLine } from '../src/queue/follow'
import type { Channel, Listener, View } from '../src/queue/follow'
import { aSnapshot, published } from './boards'

/** A line followed with everything in the test's hand: clock, timers, network and channel. */
class Scene {
  clock = 1_000
  timers: { at: number; act: () => void }[] = []
  answers: (unknown | Error)[] = []
  asked = 0
  log: string[] = []
  view!: View
  listener!: Listener
  channel: Channel = {
    rest: () => this.log.push('rest'),
    wake: () => this.log.push('wake'),
    close: () => this.log.push('close'),
  }
  follower = new LineFollower(
    'L0301',
    {
      load: async () => {
        this.asked += 1
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
        if (answer instanceof Error) throw answer
        return readSnapshot(answer)!
      },
      link: {
        open: (channel, since, listener) => {
          this.log.push(`open ${channel} ${since?.epoch}:${since?.offset}`)
          this.listener = listener
          return this.channel
        },
      },
      now: () => this.clock,
      later: (milliseconds, act) => {
        const timer = { at: this.clock + milliseconds, act }
        this.timers.push(timer)
        return () => void (this.timers = this.timers.filter((each) => each !== timer))
      },
      chance: () => 0.5,
    },
    (view) => (this.view = view),
  )

  async pass(milliseconds: number) {
    this.clock += milliseconds
    const due = this.timers.filter((timer) => timer.at <= this.clock)
    this.timers = this.timers.filter((timer) => timer.at > this.clock)
    due.forEach((timer) => timer.act())
    await settled()
  }

  get version() {
    return this.view.heard?.board.version
  }
}

const settled = () => new Promise((done) => setTimeout(done, 0))

async function following(): Promise<Scene> {
  const scene = new Scene()
  scene.answers = [aSnapshot()]
  scene.follower.start()
  await settled()
  scene.listener.link('connected')
  scene.listener.subscribed(false)
  return scene
}

describe('following a line', () => {
  let scene: Scene
  beforeEach(async () => {
    scene = await following()
  })

  it('subscribes from the position of the snapshot', () => {
    expect(scene.log).toEqual(['open queue:L0301 e1:5'])
    expect(scene.view).toMatchObject({
      link: 'connected',
      facts: { name: '心内科普通门诊', department: '心血管内科' },
    })
  })

  it('shows the newest board and ignores an older one and garbage', () => {
    scene.listener.published(published({ version: 414 }))
    scene.listener.published(published({ version: 413 }))
    scene.listener.published({ nonsense: true })
    expect(scene.version).toBe(414)
  })

  it('an older board still proves that the line was heard of', () => {
    scene.clock += 20_000
    scene.listener.published(published({ version: 400 }))
    expect(scene.view.heard).toMatchObject({ at: scene.clock, board: { version: 412 } })
  })

  it('reloads when the gap could not be recovered, but not when it could', async () => {
    scene.listener.subscribed(false)
    await scene.pass(2_000)
    expect(scene.asked).toBe(1)
    scene.answers = [aSnapshot({ version: 420 })]
    scene.listener.subscribed(true)
    await scene.pass(2_000)
    expect([scene.asked, scene.version]).toEqual([2, 420])
  })

  it('takes a lower version when the server began anew', async () => {
    scene.answers = [aSnapshot({ version: 3 }, 'e2')]
    scene.listener.subscribed(true)
    await scene.pass(2_000)
    expect(scene.version).toBe(3)
  })

  it('does not let a late snapshot undo a newer publication', async () => {
    scene.listener.published(published({ version: 430 }))
    scene.follower.reload()
    await settled()
    expect(scene.version).toBe(430)
  })

  it('asks by itself when the line is silent, also without a socket', async () => {
    scene.listener.link('connecting')
    scene.answers = [aSnapshot({ version: 415 })]
    await scene.pass(36_000)
    expect(scene.version).toBe(415)
    expect(scene.log).toContain('wake')
  })

  it('gives the socket back when out of sight, and catches up when back', async () => {
    scene.follower.rest()
    expect([scene.view.link, scene.timers.length]).toEqual(['resting', 0])
    scene.listener.link('connecting')
    expect(scene.view.link).toBe('resting')
    scene.follower.wake()
    scene.listener.link('connected')
    scene.listener.published(published({ version: 440 }))
    expect([scene.view.link, scene.version]).toEqual(['connected', 440])
    expect(scene.log.slice(1)).toEqual(['rest', 'wake'])
  })

  it('is quiet after it was stopped', async () => {
    scene.follower.stop()
    scene.listener.published(published({ version: 450 }))
    await scene.pass(60_000)
    expect([scene.version, scene.asked, scene.log.at(-1)]).toEqual([412, 1, 'close'])
  })
})

describe('a line that cannot be loaded', () => {
  it('is tried again with growing pauses, and followed as soon as it answers', async () => {
    const scene = new Scene()
    scene.answers = [new Error('offline'), new Error('offline'), aSnapshot()]
    scene.follower.start()
    await settled()
    expect(scene.view.failure).toBe('unreachable')
    await scene.pass(1_000)
    await scene.pass(1_000)
    expect(scene.asked).toBe(2)
    await scene.pass(1_000)
    expect([scene.asked, scene.view.failure, scene.version]).toEqual([3, null, 412])
  })

  it('is not tried again when there is no such line', async () => {
    const scene = new Scene()
    scene.answers = [new NoSuchLine()]
    scene.follower.start()
    await settled()
    await scene.pass(60_000)
    expect([scene.asked, scene.view.failure]).toEqual([1, 'no_such_line'])
  })
})
