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

/** More pages than this means that the cursor runs in circles. */
const PAGES_MOST = 40

export interface Pages<Row> {
  rows: ShallowRef<Row[]>
  loading: Ref<boolean>
  trouble: Ref<string>
  load: () => Promise<void>
}

/** A list that comes in pages, all of it, so that it can be searched here. */
export function usePages<Row>(path: string, name: string): Pages<Row> {
  const rows = shallowRef<Row[]>([])
  const loading = ref(true)
  const trouble = ref('')

  async function load(): Promise<void> {
    loading.value = true
    trouble.value = ''
    try {
      rows.value = await allOf<Row>(path, name)
    } catch (error) {
      trouble.value = sayProblem(error)
    } finally {
      loading.value = false
    }
  }

  onMounted(load)
  return { rows, loading, trouble, load }
}

async function allOf<Row>(path: string, name: string): Promise<Row[]> {
  const found: Row[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_MOST; page++) {
    const asked: string = cursor ? `${path}?cursor=${encodeURIComponent(cursor)}` : path
    const body: Record<string, unknown> = (await call<Record<string, unknown>>(asked)).body
    found.push(...(body[name] as Row[]))
    cursor = (body['next'] as string | null | undefined) ?? null
    if (!cursor) break
  }
  return found
}
