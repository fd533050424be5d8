/** One thing under way at a time, and how it failed. What a button does, and what a page loads. */
import { ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import { Problem, Unreachable } from '../api/ask'

export type Failure = Problem | Unreachable

export interface Doing {
  readonly busy: Ref<boolean>
  readonly failure: ShallowRef<Failure | null>
  /** Do it unless something is under way. Answers whether it was done. */
  run(act: () => Promise<void>): Promise<boolean>
}

export function useDoing(): Doing {
  const busy = ref(false)
  const failure = shallowRef<Failure | null>(null)
  return {
    busy,
    failure,
    async run(act) {
      if (busy.value) return false
      busy.value = true
      failure.value = null
      try {
        await act()
        return true
      } catch (reason) {
        failure.value = reason instanceof Problem ? reason : new Unreachable()
        return false
      } finally {
        busy.value = false
      }
    },
  }
}

export interface Loaded<T> {
  readonly value: ShallowRef<T | null>
  readonly failure: ShallowRef<Failure | null>
  readonly busy: Ref<boolean>
  reload(): void
  clear(): void
}

/** Something a page shows, loaded anew on demand. The last answer stays while a new one is under way. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const value: ShallowRef<T | null> = shallowRef(null)
  const failure = shallowRef<Failure | null>(null)
  const busy = ref(false)
  let turn = 0

  async function again(): Promise<void> {
    const mine = (turn += 1)
    busy.value = true
    try {
      const loaded = await load()
      if (mine !== turn) return
      value.value = loaded
      failure.value = null
    } catch (reason) {
      if (mine === turn) failure.value = reason instanceof Problem ? reason : new Unreachable()
    } finally {
      if (mine === turn) busy.value = false
    }
  }

  return {
    value,
    failure,
    busy,
    reload: () => void again(),
    clear() {
      turn += 1
      value.value = null
      failure.value = null
      busy.value = false
    },
  }
}
