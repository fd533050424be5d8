export interface FakeServer {
  readonly port: number
  readonly sockets: ReadonlySet<unknown>
  publish(change: { line: string; board: object }): void
  change(change: { line: string; board: object }): void
  fates(change: { line: string; fates: Record<string, string> }): void
  forget(change: { line: string }): void
  cut(): void
  down(state: { down: boolean }): void
  /** Every request about accounts, in order. */
  readonly asked: readonly {
    readonly method: string
    readonly path: string
    readonly body: Record<string, unknown>
    readonly token: string
    readonly phone?: string
  }[]
  refuse(plan: {
    path: string
    method?: string
    status: number
    code: string
    params?: object
    field?: string
    retryAfter?: number
    times?: number
  }): void
  named(): number
  end_sessions(): void
  expire(): void
  set(change: object): void
  other_device(): void
  new_text(change: { kind: string }): void
  close(): Promise<void>
}

export function startFake(port?: number): Promise<FakeServer>
export function hospitalTime(at?: number): string
