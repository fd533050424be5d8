/** Old web views have no `globalThis`, which npm centrifuge takes for granted. Imported before everything else. */
declare const self: Record<string, unknown> | undefined
declare const global: Record<string, unknown> | undefined

if (typeof globalThis === 'undefined') {
  const root = typeof self !== 'undefined' ? self : typeof global !== 'undefined' ? global : undefined
  if (root) root.globalThis = root
}

export {}
