export { miniSockets, HIDDEN_MS } from './host'
export type { MiniHost, MiniSockets } from './host'
export { miniSocket, CLOSE_CONFIRM_MS, OPEN_MS } from './socket'
export type { ConnectSocket, MiniSocketClass, SocketTask, TaskClosing, TaskMessage } from './socket'
