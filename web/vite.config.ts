/** The development server only; `npm run build` is build.mjs. Proxies to the platform (or the fake server) on 8888. */
import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

const PAGES: [RegExp, string][] = [
  [/^\/(\?.*)?$/, '/start.html'],
  [/^\/screen\/[^/?]+/, '/screen.html'],
  [/^\/doctor\/?(\?.*)?$/, '/doctor.html'],
  [/^\/docs\/?(\?.*)?$/, '/docs.html'],
]

const pages: Plugin = {
  name: 'pages',
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      const page = PAGES.find(([pattern]) => pattern.test(request.url ?? ''))
      if (page) request.url = page[1]
      next()
    })
  },
}

const platform = 'http://127.0.0.1:8888'

export default defineConfig({
  appType: 'mpa',
  plugins: [vue(), pages],
  server: {
    proxy: {
      '/v1': platform,
      '/openapi.json': platform,
      '/asyncapi.json': platform,
      '/readyz': platform,
      '/connection': { target: platform, ws: true },
    },
  },
})
