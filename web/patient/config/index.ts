import path from 'node:path'
import { defineConfig } from '@tarojs/cli'

const isH5 = process.env.TARO_ENV === 'h5'
const noStyles = path.resolve(__dirname, 'no-components.css')
const noComponents = path.resolve(__dirname, 'no-components.js')

/** A package of its own beside this one, compiled with the app. */
const miniSocket = path.resolve(__dirname, '../../mini-socket/src')

/** Mini-programs have no origin of their own: the built package names the server it talks to. */
const serverOrigin = isH5 ? '' : (process.env.HOUZHEN_SERVER ?? 'https://houzhen.example')

export default defineConfig<'webpack5'>({
  projectName: 'houzhen-patient',
  designWidth: 375,
  deviceRatio: { 375: 2, 640: 2.34 / 2, 750: 1, 828: 1.81 / 2 },
  sourceRoot: 'src',
  outputRoot: `dist/${process.env.TARO_ENV}`,
  framework: 'vue3',
  compiler: { type: 'webpack5', prebundle: { enable: false } },
  cache: { enable: false },
  // Pages are written in HTML elements. Mini-programs get them mapped; in H5 they are the browser's own.
  plugins: ['@tarojs/plugin-framework-vue3', ...(isH5 ? [] : ['@tarojs/plugin-html'])],
  alias: { '@houzhen/mini-socket': `${miniSocket}/index.ts` },
  defineConstants: { SERVER_ORIGIN: JSON.stringify(serverOrigin) },
  copy: { patterns: isH5 ? [{ from: 'src/static/', to: 'dist/h5/static/' }] : [], options: {} },
  mini: {
    compile: { include: [miniSocket] },
    postcss: { pxtransform: { enable: false, config: {} } },
    miniCssExtractPluginOption: { ignoreOrder: true },
  },
  h5: {
    compile: { include: [miniSocket] },
    publicPath: '/h5/',
    staticDirectory: 'static',
    router: { mode: 'hash' },
    useHtmlComponents: true,
    output: { filename: 'js/[name].[contenthash:8].js', chunkFilename: 'js/[name].[contenthash:8].js' },
    miniCssExtractPluginOption: {
      ignoreOrder: true,
      filename: 'css/[name].[contenthash:8].css',
      chunkFilename: 'css/[name].[contenthash:8].css',
    },
    postcss: {
      autoprefixer: { enable: true, config: {} },
      pxtransform: { enable: false, config: {} },
      // It would turn the selectors "button" and "input" into its own components' names.
      htmltransform: { enable: false, config: {} },
    },
    webpackChain(chain) {
      // Pages come with the app: a phone that enters a tunnel must still be able to open the next one.
      chain.merge({ module: { parser: { javascript: { dynamicImportMode: 'eager' } } } })
      // Taro would rename <button> to its own web component and ship the whole component library with it.
      chain.module
        .rule('vue')
        .use('vueLoader')
        .tap((options) => ({
          ...options,
          compilerOptions: { ...options.compilerOptions, nodeTransforms: [] },
        }))
      chain.resolve.alias.set('@tarojs/components/lib/vue3/components-loader$', noComponents)
      chain.resolve.alias.set('@tarojs/components$', noComponents)
      for (const name of [
        '@tarojs/components/dist/components$',
        '@tarojs/components/dist/components/taro-swiper-core',
        '@tarojs/components/dist/components/taro-swiper-item-core',
        'ics$',
      ])
        chain.resolve.alias.set(name, noComponents)
      for (const name of [
        '@tarojs/components/global.css',
        '@tarojs/components/dist/taro-components/taro-components.css',
      ])
        chain.resolve.alias.set(name, noStyles)
    },
  },
})
