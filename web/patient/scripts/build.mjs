/**
 * Build the named platforms (h5 weapp alipay), one after another, and skip those whose inputs have not changed.
 *
 * The stamp is a hash of everything a build reads: sources, settings, the lock file and the two variables that
 * reach the output. `--force` builds regardless. Taro's progress bar is kept out of logs unless a build fails.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const INPUTS = [
  'src',
  '../mini-socket/src',
  'config',
  'package.json',
  'package-lock.json',
  'babel.config.js',
  'project.config.json',
  'mini.project.json',
]
const PLATFORMS = ['h5', 'weapp', 'alipay']

function* filesIn(path) {
  if (!existsSync(path)) return
  if (!statSync(path).isDirectory()) yield path
  else for (const name of readdirSync(path).sort()) yield* filesIn(join(path, name))
}

function stampOf(platform) {
  const hash = createHash('sha256')
  hash.update(`${platform}\n${process.version}\n${process.env.HOUZHEN_SERVER ?? ''}\n`)
  for (const input of INPUTS)
    for (const file of filesIn(join(ROOT, input)))
      hash.update(`${relative(ROOT, file)}\n`).update(readFileSync(file))
  return hash.digest('hex')
}

function sizeOf(folder) {
  let bytes = 0
  for (const file of filesIn(folder)) bytes += statSync(file).size
  return `${Math.round(bytes / 1024)} KiB`
}

function build(platform) {
  const stamp = stampOf(platform)
  const stampFile = join(ROOT, '.build-cache', `${platform}.stamp`)
  const output = join(ROOT, 'dist', platform)
  if (
    !process.argv.includes('--force') &&
    existsSync(output) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, 'utf8') === stamp
  ) {
    console.log(`${platform}: up to date`)
    return
  }
  rmSync(stampFile, { force: true })
  const began = Date.now()
  const run = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/@tarojs/cli/bin/taro'), 'build', '--type', platform],
    {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'production', TARO_ENV: platform },
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (run.status !== 0 || !existsSync(output) || /✖/.test(run.stdout)) {
    const lines = `${run.stdout}\n${run.stderr}`
      .split(/[\r\n]+/)
      .filter((line) => line.trim() && !/Webpack █|\x1b\[1A/.test(line))
    console.error(lines.slice(-60).join('\n'))
    console.error(`${platform}: the build failed`)
    process.exit(1)
  }
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
  console.log(`${platform}: built in ${((Date.now() - began) / 1000).toFixed(1)} s, ${sizeOf(output)}`)
}

const named = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const unknown = named.filter((platform) => !PLATFORMS.includes(platform))
if (unknown.length > 0) {
  console.error(`unknown platform: ${unknown.join(', ')} (known: ${PLATFORMS.join(', ')})`)
  process.exit(2)
}
for (const platform of named.length > 0 ? named : PLATFORMS) build(platform)
