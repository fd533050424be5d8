export interface MiniPage {
  hide(): void
  show(): void
  close(): void
  text(): string
  press(words: string, type?: string, detail?: object): void
  images(): string[]
}

export interface MiniProgram {
  readonly watched: {
    readonly vibrations: number
    readonly titles: readonly string[]
    readonly went: readonly string[]
    readonly brightness: number
    readonly stored: Readonly<Record<string, unknown>>
  }
  open(path: string, query: Readonly<Record<string, string>>): MiniPage
}

export function startMiniProgram(folder: string, name: 'wx' | 'my', port: number): MiniProgram
