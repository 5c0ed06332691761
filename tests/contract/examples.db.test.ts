/**
 * Sends every example request of the OpenAPI document to a running service. The responses, errors included, must be as
 * documented.
 */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { createSigner } from 'fast-jwt'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ErrorCode } from '../../src/protocol/errors.ts'
import { SECRET_KEY } from '../support/settings.ts'
import { startChat } from '../support/start-chat.ts'
import {
  document,
  faultsOf,
  isFlow,
  needsMessage,
  type Operation,
  operations,
  resolve,
  type Schema,
  undocumented
} from './document.ts'
import { createSender, type Reply, type Sent } from './http.ts'

/**
 * Creates a request from the examples of an operation. If `isBare` is true, omits the optional parameters. Optional parameters
 * without an example are always omitted: their values come from earlier responses.
 */
const exampleOf = (operation: Operation, token: string, { isBare = false } = {}): Sent => {
  const given = operation.parameters.filter(({ required, example }) => required || !(isBare || example === undefined))
  const of = (place: string) =>
    given.filter(one => one.in === place).map(({ name, example }): [string, string] => [name, String(example)])
  const path = of('path').reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)),
    operation.path
  )
  const query = new URLSearchParams(of('query')).toString()
  const [body] = resolve(operation.requestBody?.content['application/json']?.schema ?? {}).examples ?? []
  return {
    method: operation.method,
    path: query ? `${path}?${query}` : path,
    headers: {
      ...(operation.security.length > 0 ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(of('header'))
    },
    body: body === undefined ? undefined : JSON.stringify(body)
  }
}

/** The timeout is long because most of these tests send requests to all operations. */
const OPTIONS = { timeout: 300_000 }

/** The operations that are not a step of a flow. The examples of some of them need a message (`needsMessage`). */
const single = operations.filter(operation => !isFlow(operation))

const start = async (settings = {}) => {
  const { url, database, register } = await startChat({ settings })
  const { send, close } = createSender(url)
  onTestFinished(close)
  return { url, database, send, register }
}

/** Returns the type of each property of an object, keyed by the name of the property. */
const typesOf = (value: object): Record<string, string> =>
  Object.fromEntries(Object.entries(value).map(([name, field]) => [name, typeof field]))

test(
  'every operation accepts its examples, with and without optional parameters, and responds as documented',
  OPTIONS,
  async () => {
    const { send } = await start({ messageRateLimit: 0 })
    let token = ''
    for (const operation of single.filter(one => !needsMessage(one))) {
      const request = exampleOf(operation, token)
      const reply = await send(request)
      expect([operation.operationId, reply.status, undocumented(operation, reply)]).toEqual([
        operation.operationId,
        Number(Object.keys(operation.responses).find(status => status === '201') ?? 200),
        ''
      ])
      if (operation.operationId === 'login') token = JSON.parse(reply.text).access_token
      const { schema = {} } = operation.responses[reply.status]?.content?.['application/json'] ?? {}
      const [shown] = resolve(schema).examples ?? []
      if (shown) expect(typesOf(JSON.parse(reply.text))).toMatchObject(typesOf(shown))
      if (operation.method === 'POST') continue
      const bare = await send(exampleOf(operation, token, { isBare: true }))
      expect([operation.operationId, bare.status, undocumented(operation, bare)]).toEqual([
        operation.operationId,
        200,
        ''
      ])
    }
    const post = operations.find(({ operationId }) => operationId === 'postMessage') as Operation
    const again = await send(exampleOf(post, token))
    expect([again.status, undocumented(post, again)]).toEqual([200, ''])
  }
)

test('every example is valid for its schema', () => {
  let seen = 0
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { examples, example, schema, ...rest } = node as { examples?: unknown; example?: unknown; schema?: Schema }
    const beside = schema ?? (rest as Schema)
    const listed = Array.isArray(examples) ? examples : Object.values(examples ?? {}).map(({ value }) => value)
    for (const one of [...listed, ...(example === undefined ? [] : [example])]) {
      expect([one, faultsOf(beside, one)]).toEqual([one, ''])
      seen++
    }
    for (const child of Object.values(node)) walk(child)
  }
  walk(document.paths)
  walk(document.components.schemas)
  expect(seen).toBeGreaterThan(100)
})

/** The errors that a single request cannot cause. Each text names the cause, and most texts name the tests of the error. */
const COVERED_ELSEWHERE: Partial<Record<ErrorCode, string>> = {
  internal_error: 'a bug in the service: tests/routes/service.db.test.ts',
  unavailable: 'an unavailable database, or a shutdown: tests/routes/service.db.test.ts',
  busy: 'a full queue of passwords, messages or reads: passwords, append-queue and read-limit.test.ts',
  not_allowed: 'a host’s `authorize`, or a hidden room: tests/routes/rooms.db.test.ts',
  rejected: 'a host’s `beforeMessage`',
  upgrade_pending: 'an unfinished upgrade: tests/chat/kinds/kinds.db.test.ts',
  not_author: 'a message of another user: tests/chat/kinds/changes.db.test.ts',
  already_deleted: 'a deleted message: tests/chat/kinds/changes.db.test.ts',
  edit_window_over: 'EDIT_WINDOW_MINUTES: tests/chat/kinds/changes.db.test.ts',
  too_many_edits: 'many edits: tests/chat/kinds/stale.db.test.ts',
  too_many_reactions: 'many reactions: tests/chat/kinds/changes.db.test.ts',
  too_many_pins: 'many pins: tests/chat/kinds/pins.db.test.ts',
  muted: 'a moderator: tests/routes/moderation.db.test.ts',
  banned: 'a moderator: tests/routes/moderation.db.test.ts',
  room_archived: 'an owner: tests/routes/moderation.db.test.ts',
  slow_mode: 'an owner: tests/routes/moderation.db.test.ts',
  registration_closed: 'another value of REGISTRATION: tests/routes/registration.db.test.ts',
  invitation_required: 'another value of REGISTRATION: tests/routes/registration.db.test.ts',
  invalid_invitation: 'another value of REGISTRATION: tests/routes/registration.db.test.ts',
  account_suspended: 'a suspended user: tests/routes/sessions.db.test.ts',
  account_deleted: 'a deleted user of another issuer: tests/routes/issuers.db.test.ts',
  second_factor_required: 'a user with a second factor: tests/routes/two-factor.db.test.ts',
  email_not_verified: 'REQUIRE_VERIFIED_EMAIL: tests/routes/emails.db.test.ts',
  origin_not_allowed: 'a login by cookie from another origin: tests/routes/session-cookies.db.test.ts'
}

const replaced = (request: Sent, changed: Partial<Sent>): Sent => ({ ...request, ...changed })
const withBody = (request: Sent, body: object): Sent => ({ ...request, body: JSON.stringify(body) })
const authorized = (request: Sent, token: string): Sent => ({
  ...request,
  headers: { ...request.headers, authorization: `Bearer ${token}` }
})

/** Sets the body of a request, even if the operation has none. */
const withJson = (request: Sent, body: string): Sent =>
  replaced(request, { headers: { ...request.headers, 'content-type': 'application/json' }, body })

/**
 * Functions that change an operation's example request so that the request causes an error, keyed by the code of the error.
 * `expired` is an expired token.
 */
const CAUSES: Partial<Record<ErrorCode, (request: Sent, expired: string) => Sent>> = {
  invalid_json: request => withJson(request, `${request.body}}`),
  payload_too_large: request => withJson(request, JSON.stringify({ content: 'x'.repeat(100_000) })),
  unsupported_media_type: request =>
    replaced(request, { headers: { ...request.headers, 'content-type': 'application/xml' } }),
  validation_failed: request =>
    request.body === undefined
      ? replaced(request, { path: request.path.replace(/limit=\d+/, 'limit=0').replace('/general', '/GENERAL') })
      : withBody(request, { reason: 1 }),
  missing_token: ({ headers: { authorization: _, ...headers }, ...request }) => ({ ...request, headers }),
  invalid_token: request => authorized(request, 'not-a-token'),
  token_expired: authorized,
  invalid_credentials: request => withBody(request, { username: 'john', password: 'Wrong-password-1' }),
  username_taken: request => withBody(request, { username: 'JOHN', password: 'SecurePass123' }),
  username_reserved: request => withBody(request, { username: 'Admin', password: 'SecurePass123' }),
  password_too_common: request => withBody(request, { username: 'jill', password: 'Password123' }),
  room_taken: request => withBody(request, { room: 'general' }),
  room_not_found: request => replaced(request, { path: request.path.replace('/general', '/nowhere') }),
  // A request without a body stays unchanged, because its example already contains a nonce that another operation has used.
  nonce_reused: request => (request.body === undefined ? request : withBody(request, { content: 'something else' })),
  message_too_long: request => withBody(request, { content: 'x'.repeat(4001) }),
  invalid_frame: request =>
    request.body === undefined
      ? replaced(request, {
          path: request.path.replace(/reactions\/.*$/, 'reactions/NO'),
          headers: withoutKey(request)
        })
      : withBody(request, { content: ' ' }),
  message_not_found: request => {
    const other = replaced(request, {
      path: request.path.replace('messages/1', 'messages/999'),
      headers: withoutKey(request)
    })
    return request.body === undefined ? other : withBody(other, { content: 'Hello', reply_to: 999 })
  }
}

const withoutKey = ({ headers: { 'idempotency-key': _, ...headers } }: Sent) => headers

const codesOf = ({ responses }: Operation) =>
  Object.entries(responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content['application/problem+json']?.examples ?? {}).map(([code, { value }]) => ({
      status: Number(status),
      code: code as ErrorCode,
      example: value
    }))
  )

const expectProblem = (operation: Operation, example: unknown, reply: Reply): void => {
  const { detail: _, instance: __, ...stable } = example as Record<string, unknown>
  const body = JSON.parse(reply.text)
  expect([operation.operationId, undocumented(operation, reply), body]).toEqual([
    operation.operationId,
    '',
    expect.objectContaining(stable)
  ])
  expect(body.instance).toBe(reply.headers['x-request-id'])
}

describe('every documented error of an operation', () => {
  test('is returned for a request that causes it', OPTIONS, async () => {
    const { send, register, database } = await start({ messageRateLimit: 0 })
    const { id: uid, token } = await register('john')
    const iat = Math.floor(Date.now() / 1000) - 120
    const expired = createSigner({ key: SECRET_KEY })({
      sub: 'john',
      uid,
      jti: 'j',
      iat,
      exp: iat + 60,
      aud: database.schema
    })
    const post = operations.find(({ operationId }) => operationId === 'postMessage') as Operation
    await send(exampleOf(post, token))

    const uncovered: string[] = []
    for (const operation of single) {
      for (const { code, example } of codesOf(operation)) {
        if (code in COVERED_ELSEWHERE || code === 'bad_request' || code === 'rate_limited') continue
        const cause = CAUSES[code]
        if (!cause) uncovered.push(`${operation.operationId}: ${code}`)
        else expectProblem(operation, example, await send(cause(exampleOf(operation, token), expired)))
      }
    }
    expect(uncovered).toEqual([])
  })

  test('is returned for a request to a flow without a valid token', OPTIONS, async () => {
    const { send } = await start()
    const secured = operations.filter(operation => isFlow(operation) && operation.security.length > 0)
    expect(secured.length).toBeGreaterThan(20)
    for (const operation of secured) {
      for (const code of ['missing_token', 'invalid_token'] as const) {
        const example = codesOf(operation).find(one => one.code === code)?.example
        const cause = CAUSES[code] as (request: Sent, expired: string) => Sent
        expectProblem(operation, example, await send(cause(exampleOf(operation, ''), '')))
      }
    }
  })

  test('is a documented response to the example of every flow', OPTIONS, async () => {
    const { send, register } = await start()
    for (const [at, operation] of operations.filter(isFlow).entries()) {
      const { token } = await register(`user-${at}`)
      const reply = await send(exampleOf(operation, token))
      expect([operation.operationId, undocumented(operation, reply), reply.status < 500]).toEqual([
        operation.operationId,
        '',
        true
      ])
    }
  })

  test('is returned with 429 when a rate limit is exceeded', OPTIONS, async () => {
    const { send, register } = await start({
      registerRateLimit: 1,
      loginRateLimit: 1,
      messageRateLimit: 1,
      readRateLimit: 1
    })
    const { token } = await register('john')
    for (const operation of single) {
      const limited = codesOf(operation).find(({ code }) => code === 'rate_limited')
      if (!limited) continue
      let reply = await send(exampleOf(operation, token))
      for (let sent = 1; sent < 20 && reply.status !== 429; sent++) reply = await send(exampleOf(operation, token))
      expectProblem(operation, limited.example, reply)
    }
  })

  test('is returned with 400 for a request that is not HTTP', OPTIONS, async () => {
    const { url } = await start()
    for (const operation of operations) {
      const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
      let response = ''
      socket.on('data', data => {
        response += data
      })
      socket.end(`${operation.method} ${operation.path} HTTP/1.1\r\nhost: x\r\nno header\r\n\r\n`)
      await once(socket, 'close')
      const [head = '', text = ''] = response.split('\r\n\r\n')
      const headers = Object.fromEntries(
        head
          .split('\r\n')
          .slice(1)
          .map(line => line.split(': '))
      )
      const example = codesOf(operation).find(({ code }) => code === 'bad_request')?.example
      expectProblem(operation, example, { status: Number(head.split(' ')[1]), headers, text })
    }
  })
})
