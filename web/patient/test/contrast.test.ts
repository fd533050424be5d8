/** Every pair of text and ground that the pages use is readable: WCAG AA, 4.5 : 1. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const tokens = readFileSync(new URL('../src/styles/_tokens.scss', import.meta.url), 'utf8')
const colours = new Map(
  [...tokens.matchAll(/^\$([\w-]+): (#\w{6});/gm)].map((found) => [found[1]!, found[2]!]),
)
colours.set('white', '#ffffff')

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(text: string, ground: string): number {
  const [light, dark] = [luminance(text), luminance(ground)].sort((one, other) => other - one)
  return (light! + 0.05) / (dark! + 0.05)
}

it.each([
  ['ink', 'paper'],
  ['ink', 'sheet'],
  ['ink-soft', 'paper'],
  ['ink-soft', 'sheet'],
  ['ink-soft', 'pine-wash'],
  ['ink-soft', 'clay-wash'],
  ['ink-soft', 'slate-wash'],
  ['pine', 'paper'],
  ['pine', 'sheet'],
  ['pine-deep', 'pine-wash'],
  ['white', 'pine'],
  ['white', 'amber'],
  ['ink', 'amber-wash'],
  ['amber', 'paper'],
  ['amber', 'amber-wash'],
  ['ink', 'clay-wash'],
  ['pine-deep', 'clay-wash'],
  ['white', 'clay'],
  ['white', 'ghost'],
  ['pine', 'white'],
  ['clay', 'clay-wash'],
  ['clay', 'sheet'],
  ['clay', 'paper'],
  ['slate', 'slate-wash'],
])('%s on %s', (text, ground) => {
  expect(contrast(colours.get(text)!, colours.get(ground)!)).toBeGreaterThanOrEqual(4.5)
})
