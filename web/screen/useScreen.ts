/** One screen at work: loads, follows, remembers, speaks, renews itself. The only stateful part of the page. */
import { computed, onUnmounted, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { ScreenCall, ScreenSnapshot } from '../shared/contract'
import { ask } from '../shared/http'
import { isoDay, ServerClock, type WallTime } from '../shared/clock'
import { Live, type Link, type Watched } from '../shared/live'
import { recall, remember } from '../shared/memory'
import { Problem } from '../shared/problem'
import { lang, say } from '../shared/words'
import { Announcer, surname } from './announcer'
import { shouldRenew } from './renewal'
import {
  afterPublication,
  afterSnapshot,
  isPart,
  isState,
  allCalls,
  screenFreshness,
  type PlacedCall,
  type ScreenState,
} from './state'
import type { Freshness } from '../shared/freshness'
import { Voice, type Sound } from './voice'
import { Witness } from './witness'

const TICK_MILLISECONDS = 1000
/** Publications in a burst are drawn together. */
const DRAW_MILLISECONDS = 60
const REMEMBER_SECONDS = 3
/** Corrects drift of the clock and tells of a new build even when nothing happens. */
const RELOAD_SECONDS = 300
/** A call is new for this long: the banner and its row are lit. */
export const LIT_SECONDS = 20

export interface Screen {
  state: Readonly<ShallowRef<ScreenState | null>>
  link: Readonly<Ref<Link>>
  failure: Readonly<Ref<Problem | null>>
  sound: Readonly<Ref<Sound>>
  now: Readonly<Ref<number>>
  wall: Readonly<Ref<WallTime>>
  trust: ComputedRef<Freshness | null>
  /** everyone called or inside, the latest call first */
  calls: ComputedRef<PlacedCall[]>
  /** the calls that are new right now */
  lit: ComputedRef<ReadonlySet<string>>
  unlockSound: () => void
}

export function useScreen(id: string, token: string | null): Screen {
  const clock = new ServerClock()
  const shown = document.querySelector<HTMLMetaElement>('meta[name=build]')?.content ?? ''
  const key = (what: string): string => `houzhen.screen.${id}.${what}`

  const state = shallowRef<ScreenState | null>(recall(key('state'), isState))
  const link = ref<Link>('connecting')
  const failure = ref<Problem | null>(null)
  const sound = ref<Sound>('none')
  const now = ref(clock.now())
  const wall = ref(clock.wall())

  let latest = state.value
  let offered = { build: shown, at: now.value }
  let drawTimer = 0
  let rememberedAt = 0
  let loadedAt = now.value
  let renewing = false
  let heardSinceStart = false
  let everConnected = false

  const voice = new Voice(lang.value)
  const witness = new Witness()
  const announcer = new Announcer({
    calledAt: (call) => witness.calledAt(call.call_id),
    speak: (call) => voice.announce(spokenCall(call)),
    now: () => clock.now(),
    recallSpoken: () => recall(key('spoken'), isIdList) ?? [],
    rememberSpoken: (ids) => remember(key('spoken'), ids),
  })

  const trust = computed(() => (state.value ? screenFreshness(state.value, now.value) : null))
  const calls = computed(() => (state.value ? witness.inOrder(allCalls(state.value)) : []))
  const lit = computed(() => {
    const isLit = ({ call }: PlacedCall): boolean =>
      call.state === 'called' && now.value - (witness.calledAt(call.call_id) ?? 0) < LIT_SECONDS * 1000
    return new Set(calls.value.filter(isLit).map(({ call }) => call.call_id))
  })

  function draw(): void {
    drawTimer = 0
    state.value = latest
  }

  function take(next: ScreenState): void {
    latest = next
    witness.look(next.lines, clock.now())
    if (!drawTimer) drawTimer = window.setTimeout(draw, DRAW_MILLISECONDS)
    announcer.offer(next.lines.map((each) => each.part))
  }

  async function load(): Promise<ScreenSnapshot> {
    const path = `/v1/screens/${encodeURIComponent(id)}`
    const { body, travel } = await ask<ScreenSnapshot>(path, { token })
    clock.hear(body.server_time, travel)
    return body
  }

  function onSnapshot(snapshot: ScreenSnapshot): void {
    failure.value = null
    loadedAt = clock.now()
    if (snapshot.build && snapshot.build !== offered.build) {
      offered = { build: snapshot.build, at: clock.now() }
    }
    const parts = { ...snapshot, parts: snapshot.parts.filter(isPart) }
    heardSinceStart = true
    take(afterSnapshot(latest, parts, clock.now()))
  }

  function onPublication(data: unknown, offset: number | null): void {
    if (latest && isPart(data)) take(afterPublication(latest, data, offset, clock.now()))
  }

  const live = new Live(token, (next) => {
    const again = next === 'connected' && everConnected
    link.value = next
    everConnected = everConnected || next === 'connected'
    // a server that came back may serve another build; screens ask one after the other, not all at once
    if (again) loadedAt = Math.min(loadedAt, clock.now() - RELOAD_SECONDS * 1000 + Math.random() * 5000)
  })
  const watched: Watched = live.watch<ScreenSnapshot>({
    load,
    onSnapshot,
    onPublication,
    onFailure: (error) => {
      failure.value = error instanceof Problem ? error : Problem.unreachable()
    },
  })

  function tick(): void {
    const day = isoDay(wall.value)
    now.value = clock.now()
    wall.value = clock.wall()
    if (isoDay(wall.value) !== day || now.value - loadedAt > RELOAD_SECONDS * 1000) {
      loadedAt = now.value
      watched.reload()
    }
    if (latest && now.value - rememberedAt > REMEMBER_SECONDS * 1000 && heardSinceStart) {
      rememberedAt = now.value
      remember(key('state'), latest)
    }
    void renew()
  }

  /** Reload for a new build, but never into a server that cannot give the page. */
  async function renew(): Promise<void> {
    const called = calls.value.map(({ call }) => witness.calledAt(call.call_id) ?? 0)
    const renewal = {
      shown,
      offered: offered.build,
      offeredAt: offered.at,
      lastCallAt: Math.max(0, ...called),
      busy: announcer.busy,
      tried: recall(key('renewed'), isTried),
    }
    if (renewing || !shouldRenew(renewal, clock.now())) return
    renewing = true
    try {
      const page = await fetch(location.pathname + location.search, { cache: 'no-store' })
      if (!page.ok) return
      remember(key('renewed'), { build: offered.build, at: clock.now() })
      if (latest) remember(key('state'), latest)
      location.reload()
    } catch {
      // the server is away: the old page is better than none
    } finally {
      renewing = false
    }
  }

  function openSound(): void {
    void voice.open().then((found) => {
      sound.value = found
      announcer.setAudible(found === 'ready')
      // what is only remembered from before the start is not offered: it may be hours old
      if (latest && heardSinceStart) announcer.offer(latest.lines.map((each) => each.part))
    })
  }

  openSound()
  const timer = window.setInterval(tick, TICK_MILLISECONDS)
  onUnmounted(() => {
    clearInterval(timer)
    clearTimeout(drawTimer)
    watched.stop()
    live.stop()
  })

  return { state, link, failure, sound, now, wall, trust, calls, lit, unlockSound: openSound }
}

function spokenCall(call: ScreenCall): string {
  const name = surname(call.name)
  const room = call.room_name ?? ''
  if (!room) return say('speech.call_without_room', { number: call.number })
  return say(name ? 'speech.call' : 'speech.call_without_name', { number: call.number, surname: name, room })
}

function isIdList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function isTried(value: unknown): value is { build: string; at: number } {
  const tried = value as { build?: unknown; at?: unknown } | null
  return typeof tried?.build === 'string' && typeof tried.at === 'number'
}
