/**
 * A stand-in for the platform, for tests of the pages only: the contract's JSON and the few methods of the Centrifuge
 * protocol that the pages use. `POST /__fake/…` steers it. Not a model of the queue rules: queue_display/ has those.
 *
 *   node test/fake-server.mjs [--port 0] [--play seconds]      prints {"port": …} when it listens
 */
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { FakeHospital } from './fake-hospital.mjs'

const web = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(web, 'dist')
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

const channels = new Map()
const sockets = new Set()
let epoch = 'e1'
let away = false
let held = Promise.resolve()
let release = () => undefined
let clients = 0
const HISTORY = 64

const hospital = new FakeHospital((channel, data) => publish(channel, data))
let build = JSON.parse(await readFile(join(dist, 'build.json'), 'utf8').catch(() => '{"build":"dev"}')).build

function channel(name) {
  if (!channels.has(name)) channels.set(name, { offset: 0, history: [], members: new Set() })
  return channels.get(name)
}

function publish(name, data) {
  const found = channel(name)
  found.offset += 1
  const publication = { data, offset: found.offset }
  found.history.push(publication)
  if (found.history.length > HISTORY) found.history.shift()
  const frame = JSON.stringify({ push: { channel: name, pub: publication } })
  for (const socket of found.members) socket.send(frame)
}

function subscribed(request, socket) {
  const found = channel(request.channel)
  found.members.add(socket)
  const answer = { recoverable: true, positioned: true, epoch, offset: found.offset }
  if (!request.recover) return answer
  const missed = found.history.filter((each) => each.offset > (request.offset ?? 0))
  const whole = request.epoch === epoch && missed.length === found.offset - (request.offset ?? 0)
  return { ...answer, was_recovering: true, ...(whole ? { recovered: true, publications: missed } : {}) }
}

function answer(command, socket) {
  if (command.connect) {
    const stream = socket.session ? { session: socket.session, node: 'fake' } : {}
    return { connect: { client: `c${++clients}`, version: 'fake', ping: 25, pong: true, ...stream } }
  }
  if (command.subscribe) return { subscribe: subscribed(command.subscribe, socket) }
  if (command.unsubscribe) {
    channel(command.unsubscribe.channel).members.delete(socket)
    return { unsubscribe: {} }
  }
  return { error: { code: 104, message: 'method not found' } }
}

function serveSocket(socket) {
  sockets.add(socket)
  const ping = setInterval(() => socket.send('{}'), 20_000)
  socket.on('message', (frame) => {
    for (const line of String(frame).split('\n')) {
      const command = JSON.parse(line)
      if (command.id) socket.send(JSON.stringify({ id: command.id, ...answer(command, socket) }))
    }
  })
  socket.on('close', () => {
    clearInterval(ping)
    sockets.delete(socket)
    for (const each of channels.values()) each.members.delete(socket)
  })
}

/** A long response with the face of a socket; what its client says comes by `/emulation`. */
const streams = new Map()
function serveStream(response, first) {
  const session = `s${streams.size + 1}`
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  const stream = Object.assign(new EventEmitter(), {
    session,
    send: (frame) => response.write(`${frame}\n`),
    terminate: () => response.destroy(),
  })
  streams.set(session, stream)
  response.on('close', () => {
    streams.delete(session)
    stream.emit('close')
  })
  serveSocket(stream)
  stream.emit('message', first)
}

function dropAll() {
  for (const socket of sockets) socket.terminate()
}

const position = (name) => ({ offset: channel(name).offset, epoch })

/** What tests may do to the world. */
const steering = {
  drop: () => dropAll(),
  /** `true`: nothing answers; `'api'`: only the pages do, as from a cache in between; `false`: back again */
  away: ({ away: now }) => {
    away = now
    if (away) dropAll()
  },
  race: () => hospital.race(),
  /** Commands are carried out, but their answers wait for `release`. */
  hold: () => {
    held = new Promise((next) => (release = next))
  },
  release: () => release(),
  restart: () => {
    epoch = `e${Math.random().toString(36).slice(2, 7)}`
    channels.clear()
    dropAll()
  },
  build: ({ build: id }) => {
    build = id
  },
  call: ({ line, ago }) => hospital.callNext(line, ago ?? 0),
  recall: ({ line }) => hospital.recall(line),
  start: ({ line }) => hospital.start(line),
  pass: ({ line }) => hospital.pass(line),
  fresh: ({ line, fresh, age }) => hospital.setFresh(line, fresh, age ?? 0),
  open: ({ line, open }) => hospital.setOpen(line, open),
  reaffirm: () => hospital.reaffirm(),
  lines: ({ count }) => hospital.showLines(count),
  flood: async ({ line, count, last }) => {
    for (let done = 0; done < count; done++) {
      hospital.step(line, done, done === count - 1 ? last : undefined)
      if (done % 100 === 99) await new Promise((next) => setTimeout(next, 5))
    }
    return { published: count }
  },
  said: () => ({ commands: hospital.commands, clients }),
}

async function api(method, path, body, headers) {
  const parts = path.split('/').filter(Boolean).slice(1).map(decodeURIComponent)
  if (parts[0] === 'start') return hospital.startLinks(build)
  if (parts[0] === 'screens') {
    return headers.authorization === 'Bearer bad'
      ? refuse(401, 'core.unauthenticated')
      : { ...hospital.screen(parts[1]), position: position(`screen:${parts[1]}`), build }
  }
  if (parts[0] === 'lines' && parts.length === 1) return { items: hospital.summaries(), next: null }
  if (parts[0] === 'lines' && parts.length === 2) {
    return { ...hospital.snapshot(parts[1]), position: position(`queue:${parts[1]}`) }
  }
  if (parts[2] === 'staff') return hospital.staff(parts[1])
  if (method === 'POST') {
    const result = hospital.command(parts[1], parts.slice(2), body)
    await held
    return result
  }
  return refuse(404, 'core.not_found')
}

function refuse(status, code, params = {}) {
  return { problem: { type: 'about:blank', title: code, status, code, params } }
}

const KINDS = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  json: 'application/json',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
  woff: 'font/woff',
}
const PAGES = [
  [/^\/$/, 'start.html'],
  [/^\/screen\/[^/]+$/, 'screen.html'],
  [/^\/doctor\/?$/, 'doctor.html'],
  [/^\/admin\/?$/, 'admin.html'],
  [/^\/docs\/?$/, 'docs.html'],
]

async function file(path) {
  const page = PAGES.find(([pattern]) => pattern.test(path))?.[1]
  if (/^\/(openapi|asyncapi)\.json$/.test(path)) return readFile(join(web, 'test', 'samples', path.slice(1)))
  const name =
    page ??
    normalize(path)
      .replace(/^(\.\.[/\\])+/, '')
      .slice(1)
  return readFile(join(dist, name))
}

/** The policy the real server sends: the pages must live with it. */
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'"

const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://x').pathname
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  if (!away && path === '/connection/http_stream') return serveStream(response, text)
  if (path.startsWith('/connection/')) return response.destroy()
  const body = text ? JSON.parse(text) : {}
  if (path === '/emulation') {
    streams.get(body.session)?.emit('message', body.data)
    return response.writeHead(204).end()
  }
  if (path.startsWith('/__fake/')) {
    const result = (await steering[path.slice(8)](body)) ?? {}
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
  }
  if (away === true || (away && path.startsWith('/v1/'))) return response.destroy()
  try {
    if (path.startsWith('/v1/')) {
      const result = await api(request.method, path, body, request.headers)
      const problem = result.problem
      const kind = problem ? 'application/problem+json' : 'application/json'
      return response
        .writeHead(problem?.status ?? 200, { 'content-type': kind })
        .end(JSON.stringify(problem ?? result))
    }
    const content = await file(path)
    const extension = path.includes('.') ? path.split('.').pop() : 'html'
    const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
    response.writeHead(200, {
      'content-type': `${KINDS[extension] ?? 'application/octet-stream'}; charset=utf-8`,
      'cache-control': cache,
      'content-security-policy': POLICY,
    })
    response.end(content)
  } catch (error) {
    response.writeHead(error.code === 'ENOENT' ? 404 : 500).end(String(error.message))
  }
})

const accept = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (away || !request.url.startsWith('/connection/websocket')) return socket.destroy()
  accept.handleUpgrade(request, socket, head, serveSocket)
})
server.listen(Number(option('port', 0)), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
setInterval(() => hospital.reaffirm(), 15_000).unref()
const play = Number(option('play', 0))
if (play > 0) setInterval(() => hospital.playOn(), play * 1000).unref()
