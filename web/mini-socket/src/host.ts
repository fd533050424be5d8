/**
 * The sockets of one mini-program, and what happens to them while it sleeps.
 *
 * WeChat ends the sockets of a program that is out of sight for five seconds, and does not always say so; Alipay
 * lets them run until the system suspends the program. A phone that changes from Wi-Fi to its carrier keeps a
 * socket that nothing comes through. In both cases the client would find out by a missing ping, half a minute
 * later. `miniSockets` ends such sockets at once, as lost connections, so that the client connects again and
 * recovers what it missed: nothing is lost and nothing comes twice, for that is the protocol's work.
 */
import { miniSocket, now, type ConnectSocket, type MiniSocketClass } from './socket'

/** Out of sight for so long, a socket is not believed any more. */
export const HIDDEN_MS = 5_000

/** What of `wx` and `my` is used. Everything but `connectSocket` may be missing in old versions. */
export interface MiniHost {
  connectSocket: ConnectSocket
  onAppHide?(listener: () => void): void
  offAppHide?(listener: () => void): void
  onAppShow?(listener: () => void): void
  offAppShow?(listener: () => void): void
  onNetworkStatusChange?(listener: (network: Network) => void): void
  offNetworkStatusChange?(listener: (network: Network) => void): void
}

interface Network {
  readonly isConnected: boolean
  readonly networkType?: string
}

export interface MiniSockets {
  /** For `new Centrifuge(url, { websocket: sockets.WebSocket })`. */
  readonly WebSocket: MiniSocketClass
  /** End every open socket as lost, as after a sleep. */
  drop(reason: string): void
  /** Listen to the host no longer. Sockets stay as they are. */
  stop(): void
}

/** The WebSocket class of a mini-program, looked after: `miniSockets(wx)`, `miniSockets(my)`. */
export function miniSockets(host: MiniHost): MiniSockets {
  const WebSocket = miniSocket((options) => host.connectSocket(options))
  let hiddenAt: number | null = null
  let network: string | null = null

  const hide = () => void (hiddenAt ??= now())
  const show = () => {
    const away = hiddenAt === null ? 0 : now() - hiddenAt
    hiddenAt = null
    if (away >= HIDDEN_MS) WebSocket.drop('was out of sight')
  }
  const changed = ({ isConnected, networkType = '' }: Network) => {
    const before = network
    network = isConnected ? networkType : 'none'
    // Hosts speak of changes only, so the first word is one too.
    if (isConnected && before !== network) WebSocket.drop('another network')
  }
  host.onAppHide?.(hide)
  host.onAppShow?.(show)
  host.onNetworkStatusChange?.(changed)
  return {
    WebSocket,
    drop: (reason) => WebSocket.drop(reason),
    stop() {
      host.offAppHide?.(hide)
      host.offAppShow?.(show)
      host.offNetworkStatusChange?.(changed)
    },
  }
}
