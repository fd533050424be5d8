/** What the fakes use of `ws`, which brings no types of its own. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  export class WebSocket extends EventEmitter {
    constructor(url: string)
    send(data: string | ArrayBuffer): void
    close(code?: number, reason?: string): void
    terminate(): void
  }
  export class WebSocketServer extends EventEmitter {
    constructor(options: { port: number; host: string })
    readonly clients: Set<WebSocket>
    address(): unknown
    close(done: (failure?: Error) => void): void
  }
}
