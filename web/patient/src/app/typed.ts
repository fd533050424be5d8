/** The text of an input event: a browser keeps it in the target, a mini-program in the detail. */
export function typedIn(event: unknown): string {
  const { detail, target } = event as {
    detail?: { value?: unknown } | null
    target?: { value?: unknown } | null
  }
  const value = detail?.value ?? target?.value
  return typeof value === 'string' ? value : ''
}
