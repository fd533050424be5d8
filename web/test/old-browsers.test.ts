import { expect, it } from 'vitest'
import { strangeScript, strangeStyle } from '../scripts/old-browsers.mjs'

it('finds what a browser of 2017 cannot run', () => {
  expect(strangeScript('const a = {...b}; async function f() { await 1 }')).toEqual([])
  expect(strangeScript('a?.b')[0]).toMatch(/^syntax/)
  expect(strangeScript('[1].flat()')).toEqual(['.flat()'])
  expect(strangeScript('new ResizeObserver(f)')).toEqual(['ResizeObserver'])
  expect(strangeScript('async function* f() {}')).toEqual(['async generator'])
  expect(strangeScript('/(?<=a)b/.test(c)')).toHaveLength(1)
})

it('finds what it cannot draw', () => {
  expect(
    strangeStyle('.a{display:grid;grid-gap:4px;color:#112233}@media (max-aspect-ratio:16/9){.a{top:0}}'),
  ).toEqual([])
  for (const css of [
    '.a{gap:4px}',
    '.a{inset:0}',
    '.a{width:min(1px,2px)}',
    '.a{color:#11223344}',
    '@media (width>=640px){}',
  ]) {
    expect(strangeStyle(css), css).toHaveLength(1)
  }
  expect(strangeStyle('@media (max-aspect-ratio:1){}')).toHaveLength(1)
})
