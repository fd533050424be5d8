/** In sight or not: one meaning for a mini-program's show/hide and a browser tab's visibility. */
import { useDidHide, useDidShow } from '@tarojs/taro'
import { onBeforeUnmount } from 'vue'
import { HIDDEN_TAB_MS, TRUST_SOCKET_MS } from '../limits'
import { IN_BROWSER, onNetworkBack } from './platform'

/**
 * Call `rest` when the page has left sight for good enough, `wake` when it is back after a while or the
 * network returned. A short glance at another tab changes nothing.
 */
export function useSight(rest: () => void, wake: () => void): void {
  let hiddenAt: number | null = null
  let resting: ReturnType<typeof setTimeout> | undefined

  const hide = () => {
    if (hiddenAt !== null) return
    hiddenAt = Date.now()
    if (IN_BROWSER) resting = setTimeout(rest, HIDDEN_TAB_MS)
    else rest()
  }
  const show = () => {
    if (hiddenAt === null) return
    const away = Date.now() - hiddenAt
    hiddenAt = null
    clearTimeout(resting)
    if (!IN_BROWSER || away > TRUST_SOCKET_MS) wake()
  }

  useDidShow(show)
  useDidHide(hide)
  const stopNetwork = onNetworkBack(() => {
    if (hiddenAt === null) wake()
  })
  const onVisibility = () => (document.visibilityState === 'hidden' ? hide() : show())
  if (IN_BROWSER) document.addEventListener('visibilitychange', onVisibility)
  onBeforeUnmount(() => {
    clearTimeout(resting)
    stopNetwork()
    if (IN_BROWSER) document.removeEventListener('visibilitychange', onVisibility)
  })
}
