/** The state behind the card page: whose card, whether there is one, and the code while it is looked at. */
import { useDidHide, useDidShow, useRouter } from '@tarojs/taro'
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { Problem } from '../../api/ask'
import type { HealthCard } from '../../api/patients'
import { useOwnData } from '../../app/account'
import { useDoing, useLoaded } from '../../app/doing'
import { brighten } from '../../app/hosts'
import { chanceName, IN_BROWSER, onNetworkBack } from '../../app/platform'
import { useServices } from '../../app/services'
import { LiveCode } from '../../card/live-code'
import type { Showing } from '../../card/live-code'

export function useCard() {
  const { account, patients } = useServices()
  const wanted = ref(decodeURIComponent(useRouter().params.id ?? ''))
  const family = useLoaded(async () => (await patients.list()).patients)
  const people = computed(() => family.value.value ?? [])
  const person = computed(
    () =>
      people.value.find((each) => each.id === wanted.value) ??
      people.value.find((each) => each.isDefault) ??
      people.value[0] ??
      null,
  )
  const card = shallowRef<HealthCard | null>(null)
  const showing = shallowRef<Showing>({ kind: 'asking' })
  const applying = useDoing()
  let inSight = false
  let key = chanceName()

  const code = new LiveCode(
    { ask: () => patients.cardCode(person.value?.id ?? ''), now: Date.now, later },
    (next) => {
      showing.value = next
    },
  )

  /** Look whether this person has a card, and show its code. */
  async function look(): Promise<void> {
    code.rest()
    card.value = null
    const asked = person.value
    if (asked === null || !inSight) return
    showing.value = { kind: 'asking' }
    try {
      const found = await patients.card(asked.id)
      if (person.value?.id !== asked.id || !inSight) return
      card.value = found
      if (found.issued) code.wake()
    } catch (failure) {
      if (person.value?.id === asked.id)
        showing.value =
          failure instanceof Problem ? { kind: 'refused', problem: failure } : { kind: 'offline' }
    }
  }

  const apply = () =>
    applying.run(async () => {
      const asked = person.value
      if (asked === null) return
      card.value = await patients.applyForCard(asked.id, key)
      key = chanceName()
      if (card.value.issued && inSight && person.value?.id === asked.id) code.wake()
    })

  function choose(id: string): void {
    wanted.value = id
    applying.failure.value = null
    key = chanceName()
  }

  function step(by: -1 | 0 | 1): void {
    const at = people.value.findIndex((each) => each.id === person.value?.id)
    const next = people.value[at + by]
    if (by !== 0 && next) choose(next.id)
  }

  watch(
    () => person.value?.id,
    () => void look(),
  )
  watchSight(
    () => {
      inSight = true
      // The list is loaded too; the same person as before still needs a fresh code.
      if (account.user && person.value !== null) void look()
    },
    () => {
      inSight = false
      code.rest()
      card.value = null
      showing.value = { kind: 'asking' }
    },
  )
  const stopNetwork = onNetworkBack(() => {
    if (inSight && showing.value.kind === 'offline') void look()
  })
  onBeforeUnmount(() => {
    stopNetwork()
    code.rest()
  })
  useOwnData(family.reload, () => {
    family.clear()
    code.rest()
    card.value = null
  })

  return { family, people, person, card, showing, applying, apply, choose, step, retry: () => void look() }
}

/** In sight: the page is on top, and a browser's tab is looked at. The screen is bright meanwhile. */
function watchSight(shown: () => void, hidden: () => void): void {
  let onTop = false
  let dim = () => undefined as void
  const show = () => {
    dim()
    dim = brighten()
    shown()
  }
  const hide = () => {
    dim()
    dim = () => undefined
    hidden()
  }
  useDidShow(() => {
    onTop = true
    show()
  })
  useDidHide(() => {
    onTop = false
    hide()
  })
  const onVisibility = () => {
    if (onTop) (document.visibilityState === 'hidden' ? hide : show)()
  }
  if (IN_BROWSER) document.addEventListener('visibilitychange', onVisibility)
  onBeforeUnmount(() => {
    hide()
    if (IN_BROWSER) document.removeEventListener('visibilitychange', onVisibility)
  })
}

function later(milliseconds: number, act: () => void): () => void {
  const timer = setTimeout(act, milliseconds)
  return () => clearTimeout(timer)
}
