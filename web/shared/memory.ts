/** What a page remembers across reloads. Storage may be missing, full or hold anything: never an error. */

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value))
  } catch {
    // the page works on without a memory
  }
}

/** The remembered value, or null when there is none or `isValid` does not know it. */
export function recall<Value>(key: string, isValid: (value: unknown) => value is Value): Value | null {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? 'null')
    return isValid(found) ? found : null
  } catch {
    return null
  }
}
