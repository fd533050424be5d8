/** The state behind the queue page: one line followed, my place in it, and what became of a lost ticket. */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { buzz } from '../../app/platform'
import { useServices } from '../../app/services'
import { useSight } from '../../app/sight'
import { ABSENT_ASK_MS, TICK_MS } from '../../limits'
import type { Fate } from '../../queue/fate'
import { LineFollower } from '../../queue/follow'
import type { View } from '../../queue/follow'
import { ageSeconds, freshnessOf } from '../../queue/freshness'
import { callOf, dayOf, placeOf } from '../../queue/place'

/** After these the start page has nothing left to offer about the ticket. */
const OVER: readonly Fate[] = ['done', 'no_show', 'transferred', 'abandoned', 'cancelled']

export function usePlace(line: string, ticket: string) {
  const { api, link, memory } = useServices()
  const view = shallowRef<View>({ heard: null, facts: null, link: 'connecting', failure: null })
  const now = ref(Date.now())
  const fate = ref<Fate | null>(null)

  const follower = new LineFollower(
    line,
    { load: (id) => api.snapshot(id), link, now: Date.now, later, chance: Math.random },
    (next) => {
      view.value = next
      now.value = Date.now()
    },
  )
  const board = computed(() => view.value.heard?.board ?? null)
  const place = computed(() => (board.value && ticket ? placeOf(board.value, ticket) : null))
  const lost = computed(() => place.value?.kind === 'absent')
  const expired = computed(() => {
    const held = memory.followed()
    const day = board.value === null ? '' : dayOf(board.value, ticket)
    return held !== null && held.line === line && held.ticket === ticket && day > held.day
  })

  const askFate = async () => {
    const answer = await api.fate(line, ticket).catch(() => null)
    if (answer === null) return
    fate.value = answer
    if (OVER.includes(answer)) memory.forget()
  }
  let askedAt = 0
  watch([lost, now], () => {
    if (!lost.value) {
      fate.value = null
      askedAt = 0
    } else if (Date.now() - askedAt > ABSENT_ASK_MS) {
      askedAt = Date.now()
      void askFate()
    }
  })

  watch(board, (heard) => {
    if (!heard || !place.value || expired.value) return
    if (place.value.kind !== 'absent')
      memory.follow({ line, ticket, day: dayOf(heard, ticket), lineName: view.value.facts?.name ?? line })
    const call = callOf(heard, place.value)
    if (call !== null && memory.firstTime(call)) buzz()
  })

  const clock = setInterval(() => (now.value = Date.now()), TICK_MS)
  useSight(
    () => follower.rest(),
    () => follower.wake(),
  )
  onBeforeUnmount(() => {
    clearInterval(clock)
    follower.stop()
  })
  follower.start()

  return {
    view,
    board,
    place,
    fate,
    expired,
    freshness: computed(() =>
      view.value.heard ? freshnessOf(view.value.heard, view.value.link, now.value) : null,
    ),
    age: computed(() => (view.value.heard ? ageSeconds(view.value.heard, now.value) : 0)),
    retry: () => follower.reload(),
  }
}

function later(milliseconds: number, act: () => void): () => void {
  const timer = setTimeout(act, milliseconds)
  return () => clearTimeout(timer)
}
