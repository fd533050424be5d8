/** What differs between a browser and the two mini-program hosts, in one place. */
import Taro from '@tarojs/taro'
import type { Ask } from '../api/ask'
import type { Get } from '../api/lines'
import { miniSockets } from '@houzhen/mini-socket'
import type { MiniHost } from '@houzhen/mini-socket'
import type { SocketClass } from '../realtime/link'
import { askOver } from './asking'

declare const wx: MiniHost
declare const my: MiniHost

export const IN_BROWSER = process.env.TARO_ENV === 'h5'

/** The server's origin: the page's own in a browser, the built-in one in a mini-program. */
export const origin = (): string => (IN_BROWSER ? window.location.origin : SERVER_ORIGIN)

/** The socket class for npm centrifuge; `null` = the browser's own. */
export function socketClass(): SocketClass | null {
  if (process.env.TARO_ENV === 'weapp') return miniSockets(wx).WebSocket
  if (process.env.TARO_ENV === 'alipay') return miniSockets(my).WebSocket
  return null
}

/** One question to the server; every status is an answer. */
export const ask: Ask = askOver(origin, IN_BROWSER)

export const get: Get = (path) => ask({ method: 'GET', path })

/** Vibrate for a call, where the phone can and its owner allows it. */
export function buzz(): void {
  if (IN_BROWSER) {
    // A browser vibrates only for someone who has touched the page; asking earlier is an error in its log.
    const touched = navigator.userActivation?.hasBeenActive ?? true
    if (touched && 'vibrate' in navigator) navigator.vibrate([400, 200, 400, 200, 400])
    return
  }
  Taro.vibrateLong({ fail: () => undefined })
}

export function phoneLanguage(): string {
  if (IN_BROWSER) return navigator.language
  return Taro.getSystemInfoSync().language ?? ''
}

/** Tell when the network of a mini-program came back; a browser's socket listens for itself. */
export function onNetworkBack(act: () => void): () => void {
  if (IN_BROWSER) return () => undefined
  const changed = (network: { isConnected: boolean }) => {
    if (network.isConnected) act()
  }
  Taro.onNetworkStatusChange(changed)
  return () => Taro.offNetworkStatusChange(changed)
}

/** Run while no other tab of this browser runs its own; where tabs cannot agree, the server bears two. */
export function alone<T>(act: () => Promise<T>): Promise<T> {
  const locks = IN_BROWSER ? (navigator as { locks?: LockManager }).locks : undefined
  return locks === undefined ? act() : (locks.request('houzhen.session', act) as Promise<T>)
}

/** Letters and digits nobody can guess, for naming this phone and one press of a button. */
export function chanceName(): string {
  const bytes = new Uint8Array(16)
  if (IN_BROWSER) crypto.getRandomValues(bytes)
  else bytes.forEach((_, at) => (bytes[at] = Math.floor(Math.random() * 256)))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Tell a short thing that needs no answer. */
export function toast(title: string): void {
  if (!IN_BROWSER) void Taro.showToast({ title, icon: 'none' })
}
