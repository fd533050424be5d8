/** The conversations of whoever is at the desk: over the live connection, over HTTP while that is away. */
import { onUnmounted, ref, type Ref } from 'vue'
import type { Event } from '../patient/src/im/shapes'
import { Files, type Link } from '../patient/src/im/files'
import { AskFailed, Talk, type Pending } from '../patient/src/im/talk'
import type { Caller } from '../shared/caller'
import type { Live } from '../shared/live'
import { recall, remember } from '../shared/memory'
import { Problem } from '../shared/problem'
import { upload } from './upload'

const PENDING_KEY = 'houzhen.desk.pending'
/** Typing is forgotten when nothing more is heard of it. */
const TYPING_MS = 6_000

export interface Talking {
  readonly talk: Talk
  readonly files: Files
  /** Counts its changes: what is computed of the talk looks at it. */
  readonly tick: Ref<number>
}

export function useTalk(caller: Caller, live: Live, me: string): Talking {
  const tick = ref(0)
  const made = new Talk(
    {
      ask: (verb, data) => over(live, caller, verb, data),
      readPending: () => recall(PENDING_KEY, isPending) ?? [],
      writePending: (pending) => remember(PENDING_KEY, pending),
      newCid: newName,
      later: (ms, act) => void window.setTimeout(act, ms),
    },
    me,
    () => (tick.value += 1),
  )
  const files = new Files(
    {
      links: async (conversation, some) =>
        (await over(live, caller, 'links', { conversation, files: some })) as {
          links: Link[]
          expires_at: string
        },
      begin: async (asked) => (await overHttp(caller, 'uploads', asked)) as { url: string },
      bring: async (url, picked, heard) => upload(url, await caller.accessToken(), picked, heard),
      say: (conversation, body) => made.say(conversation, body),
      free: (picked) => URL.revokeObjectURL(picked.preview),
      newKey: newName,
      later: (ms, act) => void window.setTimeout(act, ms),
      now: Date.now,
    },
    () => (tick.value += 1),
  )
  live.personal({
    connected: (recovered) => made.connected(recovered),
    published: (data) => {
      const event = data as Event
      made.hear(event)
      if (event.event === 'typing' && event.on) window.setTimeout(() => calm(event.conversation), TYPING_MS)
    },
  })
  const calm = (conversation: string): void => {
    made.typing.delete(conversation)
    tick.value += 1
  }
  void made.sync()
  onUnmounted(() => made.stop())
  return { talk: made, files, tick }
}

const newName = (): string => `d-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`

/** One call, by whichever way is open. */
async function over(
  live: Live,
  caller: Caller,
  verb: string,
  data: Record<string, unknown>,
): Promise<unknown> {
  if (live.connected) {
    try {
      return await live.call(`im.${verb}`, data)
    } catch (error) {
      throw failed(error)
    }
  }
  return overHttp(caller, verb, data)
}

async function overHttp(caller: Caller, verb: string, data: Record<string, unknown>): Promise<unknown> {
  try {
    return (await caller.ask(`/v1/im/${verb}`, { method: 'POST', body: data })).body
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new AskFailed(error.code, error.status === 0 || error.status === 429 || error.status >= 500)
  }
}

/** Numbers from 1000 on are an HTTP status behind a 1; below they are the connection's own. */
function failed(error: unknown): AskFailed {
  const {
    code = 0,
    message = '',
    temporary = false,
  } = (error ?? {}) as {
    code?: number
    message?: string
    temporary?: boolean
  }
  return new AskFailed(message, temporary || code < 1000 || code >= 1500 || code === 1429)
}

function isPending(value: unknown): value is Pending[] {
  return (
    Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null && 'cid' in each)
  )
}
