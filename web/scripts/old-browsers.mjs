/**
 * Proves that the pages for old boxes hold nothing that Chrome 60 does not know: syntax, built-ins and CSS.
 *
 * A name found here is either replaced in our code, added to shared/old-browsers.ts, or, when a library
 * never really uses it, listed in HARMLESS.
 */
import { parse } from 'acorn'
import { full } from 'acorn-walk'

/** ES2018 is object spread, which Chrome 60 has; the parts of it that came later are refused below. */
const SYNTAX = 2018

const TOO_NEW_METHODS = new Set(
  'at allSettled any finally findLast findLastIndex flat flatMap fromEntries getOrInsert hasOwn matchAll replaceAll replaceChildren structuredClone toReversed toSorted toSpliced trimEnd trimStart withResolvers'.split(
    ' ',
  ),
)
const TOO_NEW_GLOBALS = new Set(
  'AbortController AggregateError BigInt FinalizationRegistry ResizeObserver WeakRef queueMicrotask structuredClone'.split(
    ' ',
  ),
)
/**
 * Read in the libraries' sources: AbortController is used only where it exists; Vue's reactive arrays name the copying
 * methods for those who call them; Centrifuge maps keys only for shared-poll subscriptions, which no page makes.
 */
const HARMLESS = new Set(['AbortController', '.toReversed()', '.toSorted()', '.toSpliced()', '.flatMap()'])

const TOO_NEW_CSS = [
  [/[;{]\s*gap\s*:/, 'gap (use grid-gap, or margins in flex)'],
  [/[;{]\s*(row|column)-gap\s*:/, 'row-gap / column-gap'],
  [/[;{]\s*inset\s*:/, 'inset'],
  [/aspect-ratio\s*:\s*[\d.]+\s*\/[^)]*[;}]/, 'aspect-ratio'],
  [
    /aspect-ratio\s*:\s*[\d.]+\s*\)/,
    'a media query ratio without a slash (minifiers shorten 1/1: use orientation)',
  ],
  [/\b(clamp|min|max|color-mix)\(/, 'clamp(), min(), max(), color-mix()'],
  [/:(is|where|has)\(/, ':is(), :where(), :has()'],
  [/@(layer|container|supports not)/, '@layer, @container'],
  [/\(\s*(width|height|aspect-ratio)\s*[<>]/, 'media query ranges'],
  [/#[\da-f]{8}\b|#[\da-f]{4}\b/i, 'hex colours with alpha'],
  [/\d(dvh|svh|lvh)\b/, 'dynamic viewport units'],
]

/** What in `source` (JavaScript) an old browser would stumble over. */
export function strangeScript(source) {
  let tree
  try {
    tree = parse(source, { ecmaVersion: SYNTAX, sourceType: 'script' })
  } catch (error) {
    return [`syntax: ${error.message} near ${source.slice(error.pos - 40, error.pos + 40)}`]
  }
  const found = new Set()
  full(tree, (node) => {
    const name = strangeNode(node)
    if (name && !HARMLESS.has(name)) found.add(name)
  })
  return [...found]
}

function strangeNode(node) {
  if (node.type === 'ForOfStatement' && node.await) return 'for await'
  if (
    (node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression') &&
    node.async &&
    node.generator
  )
    return 'async generator'
  if (node.type === 'Literal' && node.regex && /\(\?<|\\p\{/.test(node.regex.pattern))
    return `regular expression ${node.raw}`
  if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && !node.callee.computed) {
    if (TOO_NEW_METHODS.has(node.callee.property.name)) return `.${node.callee.property.name}()`
  }
  const made = node.type === 'NewExpression' || node.type === 'CallExpression' ? node.callee : null
  if (made?.type === 'Identifier' && TOO_NEW_GLOBALS.has(made.name)) return made.name
  return null
}

/** What in `source` (CSS) an old browser would ignore. */
export function strangeStyle(source) {
  return TOO_NEW_CSS.filter(([pattern]) => pattern.test(source)).map(([, name]) => name)
}
