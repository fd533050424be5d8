/** What differs between a browser and the two mini-program hosts, in one place. */
import Taro from '@tarojs/taro'
import { REQUEST_MS } from '../limits'
import { Unreachable } from '../api/lines'
import type { Get } from '../api/lines'
import { miniSocket } from '../realtime/mini-socket'
import type { ConnectSocket } from '../realtime/mini-socket'
import type { SocketClass } from '../realtime/link'

declare const wx: { connectSocket: ConnectSocket }
declare const my: { connectSocket: ConnectSocket }

export const IN_BROWSER = process.env.TARO_ENV === 'h5'

/** The server's origin: the page's own in a browser, the built-in one in a mini-program. */
export const origin = (): string => (IN_BROWSER ? window.location.origin : SERVER_ORIGIN)

export const socketEndpoint = (): string => `${origin().replace(/^http/, 'ws')}/connection/websocket`

/** The socket class for npm centrifuge; `null` = the browser's own. */
export function socketClass(): SocketClass | null {
  if (process.env.TARO_ENV === 'weapp') return miniSocket((options) => wx.connectSocket(options))
  if (process.env.TARO_ENV === 'alipay') return miniSocket((options) => my.connectSocket(options))
  return null
}

export const get: Get = async (path) => {
  try {
    const answer = await Taro.request({
      url: origin() + path,
      timeout: REQUEST_MS,
      header: { Accept: 'application/json' },
    })
    return { status: answer.statusCode, body: answer.data as unknown }
  } catch (failure) {
    // A browser's request rejects for 4xx too, with the response as the reason.
    const status =
      (failure as { status?: unknown; statusCode?: unknown } | null)?.statusCode ??
      (failure as { status?: unknown } | null)?.status
    if (typeof status === 'number' && status >= 400) return { status, body: null }
    throw new Unreachable()
  }
}

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
