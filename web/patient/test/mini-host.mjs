/**
 * A mini-program host without a phone: runs a built package (dist/weapp, dist/alipay) in a bare JavaScript
 * context, with the host's object (`wx`, `my`) reduced to storage, requests, sockets and what the test watches.
 *
 * The context has no window, document, fetch, WebSocket or URL: what the package needs beyond the language and
 * timers fails here as it would on a phone.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import WebSocket from 'ws'

const BUILT_FOR = 'houzhen.example'

/** Start the package in `folder`; `name` is the host's global, `port` the server's. */
export function startMiniProgram(folder, name, port) {
  const watched = { vibrations: 0, titles: [], stored: {}, went: [], brightness: 0.4, codes: 0 }
  const pages = []
  let app
  const host = hostOf(watched, port, name)
  const context = createContext({
    [name]: host,
    console,
    // Alipay's script engine has one; Taro reads it to tell the developer tool from a phone.
    ...(name === 'my' ? { navigator: { userAgent: 'fake' } } : {}),
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    App: (definition) => (app = definition),
    Page: (definition) => pages.push(definition),
    Component: () => undefined,
    getApp: () => app,
    getCurrentPages: () => [],
  })
  const load = loader(folder, context)
  load('./app.js')
  app.onLaunch?.({ path: 'pages/lines/index', query: {} })
  app.onShow?.({})
  return { watched, open: (path, query) => openPage(load, pages, path, query) }
}

function loader(folder, context) {
  const loaded = new Map()
  const load = (path, from = folder) => {
    const file = resolve(from, path.endsWith('.js') ? path : `${path}.js`)
    if (!loaded.has(file)) {
      const module = { exports: {} }
      loaded.set(file, module)
      const body = runInContext(
        `(function (require, module, exports) {${readFileSync(file, 'utf8')}\n})`,
        context,
        { filename: file },
      )
      body((each) => load(each, dirname(file)), module, module.exports)
    }
    return loaded.get(file).exports
  }
  return load
}

function openPage(load, pages, path, query) {
  load(`./${path}.js`)
  const page = Object.create(pages.at(-1))
  page.data = JSON.parse(JSON.stringify(page.data ?? {}))
  page.route = page.__route__ = path
  page.setData = (change, done) => {
    for (const [where, value] of Object.entries(change)) put(page.data, where, value)
    done?.()
  }
  page.$spliceData = (change, done) => {
    for (const [where, [start, remove, ...added]] of Object.entries(change))
      get(page.data, where).splice(start, remove, ...added)
    done?.()
  }
  page.onLoad(query)
  page.onShow?.()
  page.onReady?.()
  return {
    hide: () => page.onHide(),
    show: () => page.onShow(),
    close: () => page.onUnload(),
    /** Press the innermost element that says this; the host tells it and everything around it. */
    press(words, type = 'tap', detail = {}) {
      const pressed = pathTo(page.data.root, words)
      if (pressed.length === 0) throw new Error(`nothing says ${words}`)
      for (const node of pressed.reverse()) {
        const target = { id: node.uid ?? node.sid, dataset: { sid: node.sid } }
        page.eh({ type, detail, target, currentTarget: target, timeStamp: Date.now() })
      }
    },
    /** The addresses of all images on the page. */
    images: () => JSON.stringify(page.data.root).match(/data:image[^"]+/g) ?? [],
    /** All text now on the page, in order. */
    text: () => texts(page.data.root).join(' '),
  }
}

const isElement = (node) => Boolean(node.sid) && typeof node.v !== 'string'

/** The elements around some words, from the page inwards. */
function pathTo(node, words) {
  if (!node || typeof node !== 'object' || !texts(node).join(' ').includes(words)) return []
  const children = Array.isArray(node.cn) ? node.cn : Object.values(node.cn ?? {})
  for (const child of children) {
    const found = pathTo(child, words)
    if (found.length > 0) return isElement(node) ? [node, ...found] : found
  }
  return isElement(node) ? [node] : []
}

const steps = (where) =>
  where
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter(Boolean)
const get = (data, where) => steps(where).reduce((held, step) => held[step], data)

function put(data, where, value) {
  const path = steps(where)
  const last = path.pop()
  path.reduce((held, step) => (held[step] ??= {}), data)[last] = value
}

function texts(node) {
  if (!node) return []
  const own = typeof node.v === 'string' ? [node.v] : []
  const children = Array.isArray(node.cn) ? node.cn : Object.values(node.cn ?? {})
  return [...own, ...children.flatMap(texts)]
}

function hostOf(watched, port, name) {
  const here = (url) =>
    url
      .replace(`https://${BUILT_FOR}`, `http://127.0.0.1:${port}`)
      .replace(`wss://${BUILT_FOR}`, `ws://127.0.0.1:${port}`)
  const known = {
    getSystemInfoSync: () => ({ language: 'zh_CN', platform: 'devtools', SDKVersion: '3.0.0' }),
    getStorageSync: (key) => {
      const [name, shape] = typeof key === 'object' ? [key.key, (data) => ({ data })] : [key, (data) => data]
      return shape(watched.stored[name] ?? '')
    },
    setStorageSync: (key, data) =>
      void (typeof key === 'object' ? (watched.stored[key.key] = key.data) : (watched.stored[key] = data)),
    setNavigationBarTitle: ({ title, success }) => (watched.titles.push(title), success?.({})),
    setNavigationBar: ({ title, success }) => (watched.titles.push(title), success?.({})),
    vibrateLong: ({ success } = {}) => ((watched.vibrations += 1), success?.({})),
    vibrate: ({ success } = {}) => ((watched.vibrations += 1), success?.({})),
    login: ({ success }) => success({ code: `mini-openid-${(watched.codes += 1)}` }),
    getAuthCode: ({ success }) => success({ authCode: `alipay-user-${(watched.codes += 1)}` }),
    getScreenBrightness: ({ success }) =>
      success({ value: watched.brightness, brightness: watched.brightness }),
    setScreenBrightness({ value, brightness, success }) {
      watched.brightness = value ?? brightness
      success?.({})
    },
    canIUse: () => true,
    request({ url, method, header, headers, data, success, fail }) {
      fetch(here(url), {
        method,
        headers: headers ?? header,
        ...(data === undefined ? {} : { body: data }),
      }).then(
        async (answer) => {
          const given = Object.fromEntries(answer.headers)
          const said = { header: given, headers: given, data: await answer.json() }
          // Alipay calls every refusal a failure; WeChat calls every answer a success.
          if (name === 'my' && answer.status >= 400) fail({ error: 19, status: answer.status, ...said })
          else success({ statusCode: answer.status, status: answer.status, ...said })
        },
        (failure) => fail?.({ errMsg: String(failure) }),
      )
      return { abort() {} }
    },
    connectSocket({ url }) {
      const socket = new WebSocket(here(url))
      return {
        onOpen: (callback) => socket.on('open', () => callback({})),
        onMessage: (callback) => socket.on('message', (data) => callback({ data: String(data) })),
        onClose: (callback) =>
          socket.on('close', (code, reason) => callback({ code, reason: String(reason) })),
        onError: (callback) => socket.on('error', (failure) => callback({ errMsg: String(failure) })),
        send: ({ data }) => socket.send(data),
        close: ({ code, reason }) => socket.close(code, reason),
      }
    },
  }
  const nothing = 'onNetworkStatusChange offNetworkStatusChange navigateBack'.split(' ')
  const going = 'navigateTo redirectTo reLaunch'.split(' ')
  const go = ({ url, success }) => (watched.went.push(url), success?.({}))
  return {
    ...Object.fromEntries(nothing.map((verb) => [verb, () => undefined])),
    ...Object.fromEntries(going.map((verb) => [verb, go])),
    ...known,
  }
}
