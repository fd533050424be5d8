import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

it('is built with types, as it is published', { timeout: 60_000 }, () => {
  const out = mkdtempSync(join(tmpdir(), 'mini-socket-'))
  execFileSync('npx', ['tsc', '-p', 'mini-socket/tsconfig.json', '--outDir', out])
  expect(readdirSync(out).filter((name) => name.startsWith('index'))).toEqual(['index.d.ts', 'index.js'])
})
