/** A list asked of the server: loading, trouble, again; a late answer never replaces a newer one. */
import { onMounted, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { call } from '../staff/session'
import { sayProblem } from './words'

export interface Listing<Body> {
  body: ShallowRef<Body | null>
  loading: Ref<boolean>
  trouble: Ref<string>
  load: () => Promise<void>
}

export function useList<Body>(path: () => string): Listing<Body> {
  const body = shallowRef<Body | null>(null)
  const loading = ref(true)
  const trouble = ref('')
  let asked = 0

  async function load(): Promise<void> {
    const mine = ++asked
    loading.value = true
    trouble.value = ''
    try {
      const answer = (await call<Body>(path())).body
      if (mine === asked) body.value = answer
    } catch (error) {
      if (mine === asked) trouble.value = sayProblem(error)
    } finally {
      if (mine === asked) loading.value = false
    }
  }

  onMounted(load)
  return { body, loading, trouble, load }
}
