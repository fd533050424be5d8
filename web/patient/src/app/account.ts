/** Who is signed in, as pages watch it, and the way to the sign-in page. */
import Taro, { useDidHide, useDidShow } from '@tarojs/taro'
import { reactive, watch } from 'vue'
import type { Ending, Session } from '../account/session'
import { useServices } from './services'

export class Account {
  private readonly seen: { user: string; ended: Ending | null }

  constructor(readonly session: Session) {
    this.seen = reactive({ user: session.user, ended: null })
    session.watch((heard) => {
      this.seen.user = 'user' in heard ? heard.user : ''
      this.seen.ended = 'ended' in heard ? heard.ended : null
    })
  }

  /** The user's id; empty when nobody is signed in. */
  get user(): string {
    return this.seen.user
  }

  /** Why nobody is signed in any more; `null` when that needs no words. */
  get ended(): Ending | null {
    return this.seen.ended
  }

  /** The person has read it. */
  calm(): void {
    this.seen.ended = null
  }
}

export function goSignIn(): void {
  void Taro.navigateTo({ url: '/pages/sign-in/index' })
}

/**
 * For a page of somebody's own data: `load` whenever it comes into sight and somebody is signed in, `clear` as soon
 * as nobody is. A session that ends elsewhere while the page is looked at leads to the sign-in page.
 */
export function useOwnData(load: () => void, clear: () => void): void {
  const { account } = useServices()
  let inSight = false
  useDidShow(() => {
    inSight = true
    if (account.user) load()
  })
  useDidHide(() => (inSight = false))
  watch(
    () => account.user,
    (user) => {
      clear()
      if (!inSight) return
      if (user) load()
      else if (account.ended === 'elsewhere') goSignIn()
    },
  )
}
