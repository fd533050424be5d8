/**
 * A stand-in for the platform: its JSON shapes and as much of the Centrifuge protocol as the phone uses.
 *
 * Serves the built H5 at /h5/, the API at /v1/, the socket at /connection/websocket, and is steered by
 * POST /fake/<verb>. For tests and for work on the pages; holds everything in memory, listens on loopback.
 *
 *   node test/fake-server.mjs [--port 0]      prints {"port": N} once it listens
 */
import { randomUUID } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { fakeAccounts } from './fake-accounts.mjs'
import { aBoard, LINES } from './fake-lines.mjs'

const PAGES = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'h5')
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
}
// What the real server is asked to send; the pages must work under it.
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
const HISTORY = 50

export function hospitalTime(at = Date.now()) {
  return `${new Date(at + 8 * 3600_000).toISOString().slice(0, 23)}+08:00`
}

/** Start the server; answers its port, the steering verbs and `close`. */
export async function startFake(port = 0) {
  const lines = new Map(
    LINES.map((facts) => [
      facts.id,
      {
        facts,
        board: aBoard(facts.id, hospitalTime()),
        offset: 0,
        epoch: randomUUID(),
        history: [],
        fates: {},
      },
    ]),
  )
  const sockets = new Set()
  const accounts = fakeAccounts((session) => {
    for (const socket of sockets) if (socket.session === session) socket.close(3500, 'token revoked')
  })
  let down = false

  const verbs = {
    ...accounts.verbs,
    /** Change a line's board and tell everyone. */
    publish({ line, board }) {
      verbs.change({ line, board })
      const held = lines.get(line)
      held.offset += 1
      held.history = [...held.history, { offset: held.offset, data: held.board }].slice(-HISTORY)
      for (const socket of sockets)
        if (socket.channels.has(`queue:${line}`))
          tell(socket, { push: { channel: `queue:${line}`, pub: { data: held.board, offset: held.offset } } })
    },
    /** Change a line's board and tell nobody. */
    change({ line, board }) {
      const held = lines.get(line)
      held.board = { ...held.board, version: held.board.version + 1, as_of: hospitalTime(), ...board }
    },
    fates({ line, fates }) {
      lines.get(line).fates = fates
    },
    /** Lose the channel's history, as a restarted broker does. */
    forget({ line }) {
      Object.assign(lines.get(line), { offset: 0, epoch: randomUUID(), history: [] })
    },
    /** Close every socket; clients come back. */
    cut() {
      for (const socket of sockets) socket.close(3001, 'shutdown')
    },
    /** Be unreachable: no answers, no sockets. */
    down(state) {
      down = state.down
      if (down) for (const socket of sockets) socket.terminate()
    },
  }

  const http = createServer((request, response) => {
    const url = new URL(request.url, 'http://fake')
    if (url.pathname.startsWith('/fake/')) return steer(request, response, verbs, url.pathname.slice(6))
    if (down) return request.socket.destroy()
    if (url.pathname.startsWith('/v1/lines')) return api(response, lines, url.pathname)
    if (url.pathname.startsWith('/v1/')) return personal(request, response, accounts, url.pathname)
    if (url.pathname === '/fake-wechat') return fakeWeChat(response, url.searchParams)
    if (url.pathname.startsWith('/connection/')) return response.destroy()
    return page(response, url.pathname)
  })
  const websockets = new WebSocketServer({ noServer: true })
  http.on('upgrade', (request, socket, head) => {
    if (down || !request.url.startsWith('/connection/websocket')) return socket.destroy()
    return websockets.handleUpgrade(request, socket, head, (opened) =>
      serve(opened, sockets, lines, accounts),
    )
  })
  await new Promise((ready) => http.listen(port, '127.0.0.1', ready))
  return {
    port: http.address().port,
    ...verbs,
    sockets,
    asked: accounts.asked,
    /** How many sockets are somebody's. */
    named: () => [...sockets].filter((socket) => socket.session).length,
    async close() {
      for (const socket of sockets) socket.terminate()
      http.closeAllConnections()
      await new Promise((done) => http.close(done))
    },
  }
}

const tell = (socket, reply) => socket.send(JSON.stringify(reply))

function serve(socket, sockets, lines, accounts) {
  socket.channels = new Set()
  sockets.add(socket)
  const pings = setInterval(() => socket.channels.size > 0 && tell(socket, {}), 10_000)
  socket.on('close', () => {
    clearInterval(pings)
    sockets.delete(socket)
  })
  socket.on('message', (data) => {
    for (const each of String(data).split('\n')) command(socket, JSON.parse(each), lines, accounts)
  })
}

function command(socket, command, lines, accounts) {
  const { id } = command
  if (command.connect) {
    const { token } = command.connect
    socket.session = token ? accounts.socket(token) : undefined
    if (token && !socket.session) return socket.close(3500, 'invalid token')
    return tell(socket, { id, connect: { client: randomUUID(), version: 'fake', ping: 10, pong: true } })
  }
  if (command.unsubscribe) {
    socket.channels.delete(command.unsubscribe.channel)
    return tell(socket, { id, unsubscribe: {} })
  }
  if (!command.subscribe) return undefined
  const held = lines.get(command.subscribe.channel.replace('queue:', ''))
  if (!held) return tell(socket, { id, error: { code: 102, message: 'unknown channel' } })
  socket.channels.add(command.subscribe.channel)
  return tell(socket, { id, subscribe: recovered(held, command.subscribe) })
}

function recovered(held, asked) {
  const base = { recoverable: true, positioned: true, epoch: held.epoch }
  if (!asked.recover) return { ...base, offset: held.offset }
  const from = asked.offset ?? 0
  const missed = held.history.filter((publication) => publication.offset > from)
  const whole =
    asked.epoch === held.epoch && (missed.length === 0 ? held.offset === from : missed[0].offset === from + 1)
  if (!whole) return { ...base, offset: held.offset, was_recovering: true }
  return {
    ...base,
    offset: from,
    was_recovering: true,
    recovered: true,
    ...(missed.length > 0 ? { publications: missed } : {}),
  }
}

function api(response, lines, path) {
  const [, , , line, kind, ticket] = path.split('/').map(decodeURIComponent)
  const held = lines.get(line)
  if (!line) return json(response, 200, { items: [...lines.values()].map(itemOf), next: null })
  if (!held) return json(response, 404, { code: 'queue.no_such_line' })
  if (kind === 'tickets') {
    const state = held.fates[ticket]
    return state
      ? json(response, 200, { line, number: ticket, state, ahead: null })
      : json(response, 404, { code: 'queue.no_such_ticket' })
  }
  return json(response, 200, {
    ...itemOf(held),
    position: { offset: held.offset, epoch: held.epoch },
    server_time: hospitalTime(),
    board: held.board,
  })
}

/** A request that may say who asks. */
function personal(request, response, accounts, path) {
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    const { authorization = '', 'idempotency-key': key, 'x-device': phone } = request.headers
    const device = /MicroMessenger/.test(request.headers['user-agent'] ?? '')
      ? 'Android · WeChat'
      : 'Android · Chrome'
    const token = authorization.replace('Bearer ', '')
    const asked = { body: body ? JSON.parse(body) : {}, token, key, device, phone }
    const [status, answer, headers] = accounts.answer(request.method, path, asked)
    json(response, status, answer, headers)
  })
}

/** WeChat's page, where the person agrees at once. */
function fakeWeChat(response, asked) {
  const back = asked.get('back')
  response.writeHead(302, { Location: `${back}?code=openid-in-wechat-1&state=${asked.get('state')}` }).end()
}

function itemOf({ facts, board }) {
  const { version, as_of, fresh, open } = board
  return {
    ...facts,
    mode: 'mirror',
    channel: `queue:${facts.id}`,
    as_of,
    fresh,
    open,
    waiting: board.waiting.length,
    version,
  }
}

function steer(request, response, verbs, verb) {
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    if (!verbs[verb]) return json(response, 404, {})
    verbs[verb](body ? JSON.parse(body) : {})
    return json(response, 200, {})
  })
}

function page(response, path) {
  if (path === '/h5') return response.writeHead(302, { Location: '/h5/' }).end()
  const file = join(
    PAGES,
    normalize(path.replace(/^\/h5\//, '/') === '/' ? '/index.html' : path.replace(/^\/h5\//, '/')),
  )
  if (!path.startsWith('/h5/') || !file.startsWith(PAGES) || !existsSync(file) || !statSync(file).isFile())
    return response.writeHead(404).end()
  response.writeHead(200, {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Security-Policy': POLICY,
  })
  return createReadStream(file).pipe(response)
}

function json(response, status, body, headers = {}) {
  response
    .writeHead(status, {
      'Content-Type': status < 400 ? 'application/json' : 'application/problem+json',
      'Cache-Control': 'no-store',
      ...headers,
    })
    .end(JSON.stringify(body))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--port')
  const fake = await startFake(at > 0 ? Number(process.argv[at + 1]) : 0)
  console.log(JSON.stringify({ port: fake.port }))
}
