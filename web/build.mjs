/**
 * Builds every page into dist/.
 *
 * The start page and the screens also run on Android boxes and phones of 2017, which know no modules: each becomes one
 * classic script in the syntax of Chrome 60. The calling page and the documents are for desks and stay modules.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import vue from '@vitejs/plugin-vue'
import { strangeScript, strangeStyle } from './scripts/old-browsers.mjs'

const root = dirname(fileURLToPath(import.meta.url))
const dist = join(root, 'dist')
const OLD_BROWSERS = ['chrome60', 'safari11', 'firefox60']
const DESK_BROWSERS = ['chrome87', 'safari14', 'firefox78']

/** One classic script per page: `defer` keeps the order that modules would have. */
const classicScript = {
  name: 'classic-script',
  enforce: 'post',
  transformIndexHtml: {
    order: 'post',
    handler: (html) =>
      html.replace(/<script type="module" crossorigin/g, '<script defer').replace(/ crossorigin/g, ''),
  },
}

const shared = {
  root,
  configFile: false,
  logLevel: 'warn',
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
}

function output(target, rest) {
  return {
    outDir: dist,
    emptyOutDir: false,
    target,
    cssTarget: target,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2500,
    ...rest,
  }
}

async function buildClassic(page) {
  await build({
    ...shared,
    plugins: [vue(), classicScript],
    build: output(OLD_BROWSERS, {
      cssCodeSplit: false,
      rollupOptions: {
        input: join(root, `${page}.html`),
        output: {
          format: 'iife',
          entryFileNames: `assets/${page}-[hash].js`,
          assetFileNames: 'assets/[name]-[hash][extname]',
        },
      },
    }),
  })
}

async function buildModules(pages) {
  await build({
    ...shared,
    define: { ...shared.define, __VUE_OPTIONS_API__: 'true' },
    plugins: [vue()],
    build: output(DESK_BROWSERS, {
      rollupOptions: { input: Object.fromEntries(pages.map((page) => [page, join(root, `${page}.html`)])) },
    }),
  })
}

/** Names the whole build by its content, and writes the name where the server and the pages find it. */
function stamp(pages) {
  const hash = createHash('sha256')
  for (const name of readdirSync(join(dist, 'assets')).sort()) hash.update(name)
  const files = pages.map((page) => join(dist, `${page}.html`))
  for (const file of files) hash.update(readFileSync(file))
  const id = hash.digest('hex').slice(0, 12)
  for (const file of files) writeFileSync(file, readFileSync(file, 'utf8').replace('%BUILD%', id))
  writeFileSync(join(dist, 'build.json'), `${JSON.stringify({ build: id })}\n`)
  return id
}

/** Refuse a build whose classic pages an old box could not run. */
function proveOldBrowsers(pages) {
  const strange = []
  for (const page of pages) {
    const html = readFileSync(join(dist, `${page}.html`), 'utf8')
    for (const [, name] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)) {
      const source = readFileSync(join(dist, name), 'utf8')
      const found = name.endsWith('.js') ? strangeScript(source) : strangeStyle(source)
      strange.push(...found.map((each) => `${name}: ${each}`))
    }
  }
  if (strange.length > 0) throw new Error(`too new for ${OLD_BROWSERS[0]}:\n  ${strange.join('\n  ')}`)
}

rmSync(dist, { recursive: true, force: true })
const started = Date.now()
for (const page of ['screen', 'start']) await buildClassic(page)
proveOldBrowsers(['screen', 'start'])
await buildModules(['doctor', 'admin', 'docs'])
const id = stamp(['screen', 'start', 'doctor', 'admin', 'docs'])
process.stdout.write(`built ${id} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`)
