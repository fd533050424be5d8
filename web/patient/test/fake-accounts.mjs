/** The account side of the fake server: sign-in, sessions, consents, family members, health cards. In memory. */
import { randomBytes, randomUUID } from 'node:crypto'
import { CONSENTS, masked } from './fake-papers.mjs'
import { patientRoutes } from './fake-patients.mjs'
import { Refused, refuse } from './fake-refusals.mjs'

export const SMS_CODE = '246810'
const ACCESS_SECONDS = 900

const secret = () => randomBytes(24).toString('base64url')
const soon = (seconds) => new Date(Date.now() + seconds * 1000).toISOString()

/** `closed(session)` is told of every session that ends, so that its sockets can be closed. */
export function fakeAccounts(closed) {
  const users = new Map() // id -> {id, created, identities, patients, consents}
  const sessions = new Map() // id -> {id, user, refresh, device, created}
  const accesses = new Map() // token -> {session, until}
  const state = {
    ways: ['wechat_h5', 'wechat_mini', 'alipay_mini', 'sms'],
    cardSeconds: 60,
    lifeSeconds: ACCESS_SECONDS,
    fresh: true,
  }
  const planned = [] // refusals to come
  const asked = [] // every request, for tests to look at
  const verbs = {
    /** Refuse the next requests whose path begins so. */
    refuse: (plan) => void planned.push({ times: 1, ...plan }),
    /** End every session (of a user), as another device or an administrator would. */
    end_sessions: () => [...sessions.keys()].forEach(end),
    /** Every access token dies early; refresh tokens live on. */
    expire: () => accesses.clear(),
    set: (change) => void Object.assign(state, change),
    /** Another device of everybody signs in. */
    other_device: () => [...users.keys()].forEach((user) => begin(user, 'iPad · Safari')),
    /** A newer text comes into force. */
    new_text: ({ kind }) => void (CONSENTS_NOW.get(kind).version += '.1'),
  }
  const CONSENTS_NOW = new Map(CONSENTS.map((each) => [each.kind, { ...each }]))

  function end(id) {
    sessions.delete(id)
    for (const [token, access] of accesses) if (access.session === id) accesses.delete(token)
    closed(id)
  }

  function begin(user, device) {
    const session = { id: randomUUID(), user, device, created: soon(0), used: soon(0) }
    sessions.set(session.id, session)
    return signedIn(session, false)
  }

  function signedIn(session, isNew) {
    const token = secret()
    accesses.set(token, { session: session.id, until: Date.now() + state.lifeSeconds * 1000 })
    session.refresh = secret()
    return {
      user: session.user,
      session: session.id,
      access_token: token,
      expires_at: soon(state.lifeSeconds),
      refresh_token: session.refresh,
      is_new: isNew,
    }
  }

  function enter(kind, name, device) {
    const known = [...users.values()].find((user) => holds(user, kind, name))
    const user = known ?? newUser(kind, name)
    const session = { id: randomUUID(), user: user.id, device, created: soon(0), used: soon(0) }
    sessions.set(session.id, session)
    return signedIn(session, !known)
  }

  function newUser(kind, name) {
    const user = { id: randomUUID(), created: soon(0), identities: [], patients: [], consents: new Map() }
    user.identities.push({ id: randomUUID(), kind, name, linked: soon(0) })
    users.set(user.id, user)
    return user
  }
  const holds = (user, kind, name) => user.identities.some((each) => each.kind === kind && each.name === name)

  /** Who a one-time code speaks for. */
  function identityOf({ way, kind, code, phone, state: returned }) {
    const by = way ?? kind
    if (!state.ways.includes(by)) refuse(404, 'accounts.way_not_set_up', { params: { way: by } })
    if (by === 'sms') {
      if (code !== SMS_CODE) refuse(403, 'accounts.sms_code_wrong')
      return ['sms', phone]
    }
    if (!code || /bad/.test(code)) refuse(403, 'accounts.code_refused')
    if (by === 'wechat_h5' && returned !== state.oauth) refuse(403, 'accounts.code_refused')
    return [by, code.replace(/-\d+$/, '')]
  }

  function caller(token) {
    const access = accesses.get(token)
    const session = access && sessions.get(access.session)
    if (!session) refuse(401, 'core.token_revoked')
    if (access.until < Date.now()) refuse(401, 'core.token_expired')
    session.used = soon(0)
    return { session, user: users.get(session.user) }
  }

  const needs = (user, kind) => {
    const text = CONSENTS_NOW.get(kind)
    if (user.consents.get(kind)?.version !== text.version)
      refuse(403, 'consent.needed', { params: { kind, version: text.version } })
  }

  const open = {
    'GET /v1/sign-in/ways': () => ({
      ways: ['wechat_h5', 'wechat_mini', 'alipay_mini', 'sms'].map((kind) => ({
        kind,
        enabled: state.ways.includes(kind),
      })),
    }),
    'POST /v1/sign-in/wechat-h5/start': ({ body }) => {
      state.oauth = secret()
      return {
        address: `/fake-wechat?back=${encodeURIComponent(body.return_to)}&state=${state.oauth}`,
        state: state.oauth,
      }
    },
    'POST /v1/sign-in/wechat-h5': ({ body, device }) =>
      enter(...identityOf({ kind: 'wechat_h5', ...body }), device),
    'POST /v1/sign-in/wechat-mini': ({ body, device }) => {
      const answer = enter(...identityOf({ kind: 'wechat_mini', ...body }), device)
      if (body.phone_code) linkTo(users.get(answer.user), 'sms', '13800138000')
      return answer
    },
    'POST /v1/sign-in/alipay-mini': ({ body, device }) =>
      enter(...identityOf({ kind: 'alipay_mini', ...body }), device),
    'POST /v1/sign-in/sms/code': ({ body }) => {
      if (!/^1[3-9]\d{9}$/.test(body.phone)) refuse(422, 'core.bad_input', { field: '$.phone' })
      return [202, { again_after_seconds: 60 }]
    },
    'POST /v1/sign-in/sms': ({ body, device }) => enter(...identityOf({ kind: 'sms', ...body }), device),
    'POST /v1/session/refresh': ({ body }) => {
      const session = [...sessions.values()].find((each) => each.refresh === body.refresh_token)
      if (!session) refuse(401, 'accounts.refresh_token_unknown')
      return signedIn(session, false)
    },
    'GET /v1/consents': ({ token }) => {
      const given = accesses.has(token) ? caller(token).user.consents : new Map()
      return {
        consents: [...CONSENTS_NOW.values()].map((text) => ({
          ...text,
          ...(given.has(text.kind)
            ? { given_version: given.get(text.kind).version, given_at: given.get(text.kind).at }
            : {}),
        })),
      }
    },
  }

  function linkTo(user, kind, name) {
    const other = [...users.values()].find((each) => each !== user && holds(each, kind, name))
    if (other) {
      user.patients.push(...other.patients)
      user.identities.push(...other.identities)
      users.delete(other.id)
      for (const session of [...sessions.values()]) if (session.user === other.id) end(session.id)
    } else if (!holds(user, kind, name))
      user.identities.push({ id: randomUUID(), kind, name, linked: soon(0) })
    return other !== undefined
  }

  const identities = (user) =>
    user.identities.map(({ id, kind, name, linked }) => ({
      id,
      kind,
      masked: kind === 'sms' ? masked.phone(name) : `${name.slice(0, 2)}***${name.slice(-2)}`,
      linked_at: linked,
    }))

  const signed = {
    'POST /v1/session/end': ({ session }) => (end(session.id), {}),
    'GET /v1/sessions': ({ user, session }) => ({
      sessions: [...sessions.values()]
        .filter((each) => each.user === user.id)
        .map((each) => ({
          id: each.id,
          device: each.device,
          address: '203.0.113.7',
          created_at: each.created,
          last_used_at: each.used,
          current: each === session,
        })),
    }),
    'POST /v1/sessions/:/end': ({ user, ids: [id] }) => {
      if (sessions.get(id)?.user !== user.id) refuse(404, 'core.not_found')
      end(id)
      return {}
    },
    'POST /v1/sessions/end-all': ({ user }) => {
      for (const each of [...sessions.values()]) if (each.user === user.id) end(each.id)
      return {}
    },
    'POST /v1/realtime/token': ({ session }) => ({ token: `socket:${session.id}`, expires_at: soon(600) }),
    'GET /v1/me': ({ user }) => ({ user: user.id, created_at: user.created, identities: identities(user) }),
    'POST /v1/me/identities': ({ user, body }) => {
      const merged = linkTo(user, ...identityOf(body))
      return { identities: identities(user), merged }
    },
    'POST /v1/me/identities/:/unlink': ({ user, ids: [id] }) => {
      if (user.identities.length < 2) refuse(409, 'accounts.last_way_in')
      user.identities = user.identities.filter((each) => each.id !== id)
      return { identities: identities(user) }
    },
    'POST /v1/me/export': ({ user }) => ({
      user: user.id,
      patients: user.patients.map(({ given }) => given),
    }),
    'POST /v1/me/close': ({ user, body }) => {
      if (!state.fresh && body.code !== SMS_CODE) refuse(403, 'accounts.fresh_sign_in_needed')
      for (const each of [...sessions.values()]) if (each.user === user.id) end(each.id)
      users.delete(user.id)
      return {}
    },
    'POST /v1/consents/:/give': ({ user, ids: [kind], body }) => {
      const text = CONSENTS_NOW.get(kind) ?? refuse(404, 'core.not_found')
      if (body.version !== text.version)
        refuse(409, 'consent.other_version', { params: { version: text.version } })
      user.consents.set(kind, { version: body.version, at: soon(0) })
      return {}
    },
    'POST /v1/consents/:/withdraw': ({ user, ids: [kind] }) => (user.consents.delete(kind), {}),
    ...patientRoutes(state, needs),
  }

  function answer(method, path, request) {
    asked.push({ method, path, ...request })
    const plan = planned.find(
      (each) => each.times > 0 && path.startsWith(each.path) && (each.method ?? method) === method,
    )
    if (plan) {
      plan.times -= 1
      refuse(plan.status, plan.code, plan)
    }
    const anyone = open[`${method} ${path}`]
    if (anyone) return anyone(request)
    const [found, ids] = routeOf(signed, method, path)
    if (!found) refuse(404, 'core.no_such_path')
    return found({ ...request, ...caller(request.token), ids })
  }

  return {
    verbs,
    asked,
    /** Whether the socket's token is one of a session that stands; answers the session. */
    socket: (token) => sessions.get(String(token).replace('socket:', ''))?.id,
    /** `[status, body, headers]` for a request. */
    answer(method, path, request) {
      try {
        const said = answer(method, path, request)
        return Array.isArray(said) ? said : [200, said]
      } catch (failure) {
        if (!(failure instanceof Refused)) throw failure
        const { status, code, params, field, retryAfter } = failure
        return [
          status,
          { code, params, field, status },
          retryAfter ? { 'Retry-After': String(retryAfter) } : {},
        ]
      }
    },
  }
}

function routeOf(routes, method, path) {
  for (const [route, found] of Object.entries(routes)) {
    const pattern = new RegExp(`^${route.replaceAll(':', '([^/]+)')}$`)
    const match = pattern.exec(`${method} ${path}`)
    if (match && !(match[1] && route.includes(':') && path.endsWith('end-all') && route.endsWith('/end')))
      return [found, match.slice(1).map(decodeURIComponent)]
  }
  return [undefined, []]
}
