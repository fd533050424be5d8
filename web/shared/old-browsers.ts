/**
 * What a browser of 2017 lacks and the pages for screens and phones use. Import first.
 *
 * Only what the built files are seen to need (scripts/check-old-browsers.mjs fails when that grows); no polyfill library.
 */
const root = (typeof window !== 'undefined' ? window : self) as unknown as Record<string, unknown>

if (typeof root['globalThis'] === 'undefined') root['globalThis'] = root

export {}
