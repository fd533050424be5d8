export interface FakeServer {
  readonly port: number
  readonly sockets: ReadonlySet<unknown>
  publish(change: { line: string; board: object }): void
  change(change: { line: string; board: object }): void
  fates(change: { line: string; fates: Record<string, string> }): void
  forget(change: { line: string }): void
  cut(): void
  down(state: { down: boolean }): void
  close(): Promise<void>
}

export function startFake(port?: number): Promise<FakeServer>
export function hospitalTime(at?: number): string
