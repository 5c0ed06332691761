/** Tests a service that accepts the tokens of another issuer: which users the tokens identify, and what ends their access. */
import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { startIssuer } from '../support/issuer.ts'
import { PASSWORD, type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'

/** Starts an issuer and a service that accepts its tokens. */
const start = async (options: StartOptions = {}) => {
  const issuer = await startIssuer()
  const chat = await startChat({ ...options, settings: { ...issuer.settings, ...options.settings } })
  return { issuer, chat, me: meOf(chat) }
}

const meOf = (chat: RunningChat) => async (token: string) => {
  const { status, body } = await chat.call('GET', '/api/users/me', { token })
  return { status, code: body.code, username: body.username, id: body.id }
}

const NAMED = { claims: { preferred_username: 'john' } }
const REJECTED = { status: 401, code: 'invalid_token' }

const part = (token: string, at: number) => JSON.parse(Buffer.from(token.split('.')[at] ?? '', 'base64url').toString())

/** Changes claims of a token that the service issued, and signs the token again with the service's secret. */
const resigned = ({ settings }: RunningChat, token: string, changed: object): string => {
  const payload = Buffer.from(JSON.stringify({ ...part(token, 1), ...changed })).toString('base64url')
  const signed = `${token.split('.')[0]}.${payload}`
  return `${signed}.${createHmac('sha256', settings.secretKey).update(signed).digest('base64url')}`
}

test('a token is verified with the keys of the issuer that it names, and with no others', async () => {
  const { issuer, chat, me } = await start()
  const john = await chat.register('john')
  expect(await me(john.token)).toMatchObject({ status: 200, id: john.id })
  expect(await me(resigned(chat, john.token, {}))).toMatchObject({ status: 200 })
  expect(await me(resigned(chat, john.token, { iss: issuer.url }))).toMatchObject(REJECTED)
  const { kid } = part(john.token, 0)
  for (const iss of [undefined, `${issuer.url}/`, 'https://example.com']) {
    for (const header of [{}, { kid }]) {
      const token = await issuer.token('person-1', { claims: { ...part(john.token, 1), iss }, header })
      expect(await me(token)).toMatchObject(REJECTED)
    }
  }
  expect(await me(await issuer.token('person-1', { header: { kid } }))).toMatchObject(REJECTED)
})

test('a person is identified by the subject, and never by the name', async () => {
  const { issuer, chat, me } = await start({ settings: { authNameClaim: 'nick' } })
  const john = await chat.register('john')
  const second = await me(await issuer.token('person-1', { claims: { nick: 'john', preferred_username: 'ada' } }))
  expect(second).toMatchObject({ status: 200, username: 'john-2' })
  expect(second.id).not.toBe(john.id)
  expect(await me(await issuer.token('person-2', { claims: { nick: 'JOHN' } }))).toMatchObject({ username: 'JOHN-3' })
  expect(await me(await issuer.token('person-3', { claims: { nick: 'Admin' } }))).toMatchObject({ username: 'Admin-2' })
  const renamed = await issuer.token('person-1', { claims: { nick: 'johnny' } })
  expect(await me(renamed)).toMatchObject({ id: second.id, username: 'john-2' })
  const login = { username: 'john-2', password: PASSWORD }
  expect((await chat.call('POST', '/api/auth/login', { body: login })).status).toBe(401)
  const needsProof = await chat.call('POST', '/api/auth/logout-all', { token: renamed })
  expect(needsProof.body.code).toBe('proof_required')
  expect((await chat.call('POST', '/api/auth/logout', { token: renamed })).status).toBe(204)
})

test('a person gets one account if two processes see the first tokens at once', async () => {
  const { issuer, chat } = await start()
  const other = await startChat({ database: chat.database, settings: issuer.settings })
  const tokens = await Promise.all(
    Array.from({ length: 12 }, (_, at) => issuer.token('person-1', { claims: { preferred_username: `john${at % 3}` } }))
  )
  const seen = await Promise.all(tokens.map((token, at) => meOf(at % 2 === 0 ? chat : other)(token)))
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200]))
  expect(new Set(seen.map(({ id }) => id)).size).toBe(1)
  const { client, schema } = chat.database
  expect(await client.query(`select username from "${schema}".users`)).toHaveLength(1)
  expect(await client.query(`select event from "${schema}".audit where event = 'identity_added'`)).toHaveLength(1)
})

test('two people with the same name who log in at the same time get different usernames', async () => {
  const { issuer, chat } = await start()
  const other = await startChat({ database: chat.database, settings: issuer.settings })
  const seen = await Promise.all(
    Array.from({ length: 6 }, async (_, at) =>
      meOf(at % 2 === 0 ? chat : other)(await issuer.token(`person-${at}`, NAMED))
    )
  )
  const names = ['john', 'john-2', 'john-3', 'john-4', 'john-5', 'john-6']
  expect(seen.map(({ username }) => username).sort()).toEqual(names)
})

test('a suspended or deleted person gets 403 and no other account, and open sockets close', async () => {
  const { issuer, chat, me } = await start()
  const { client, schema, administration } = chat.database
  const token = await issuer.token('person-1', NAMED)
  const socket = await chat.join({ id: 0, username: 'john', token })
  const { id } = await me(token)
  await administration.change(null, id, { status: 'suspended' })
  expect((await socket.closed).code).toBe(4403)
  await expect.poll(() => me(token)).toMatchObject({ status: 403, code: 'account_suspended' })
  for (const status of ['deleting', 'deleted']) {
    await client.query(`update "${schema}".users set status = $2 where id = $1`, [id, status])
    await expect.poll(() => me(token)).toMatchObject({ status: 403, code: 'account_deleted' })
  }
  expect(await client.query(`select id from "${schema}".users`)).toHaveLength(1)
})

test('a person who logged in at the issuer within ten minutes can export and delete the account', async () => {
  const { issuer, chat, me } = await start()
  const now = Math.floor(Date.now() / 1000)
  const tokenOf = (claims: object) => issuer.token('person-1', { claims: { preferred_username: 'john', ...claims } })
  const old = [
    await tokenOf({ auth_time: now - 660 }),
    await tokenOf({ iat: now - 660 }),
    await tokenOf({ iat: undefined })
  ]
  for (const token of old) {
    for (const [method, path] of [
      ['GET', '/api/users/me/export'],
      ['DELETE', '/api/users/me']
    ] as const) {
      const { status, body } = await chat.call(method, path, { token })
      expect([status, body.code]).toEqual([403, 'proof_required'])
    }
  }
  const token = await tokenOf({ auth_time: now - 60 })
  expect((await chat.call('POST', '/api/auth/logout-all', { token })).body.code).toBe('proof_required')
  const { body } = await chat.call('GET', '/api/users/me/export', { token })
  expect(
    body
      .trim()
      .split('\n')
      .map((line: string) => JSON.parse(line).type)
  ).toEqual(expect.arrayContaining(['profile', 'identity', 'end']))
  expect((await chat.call('DELETE', '/api/users/me', { token })).status).toBe(202)
  await expect.poll(() => me(token)).toMatchObject({ status: 403, code: 'account_deleted' })
})

test('ending all sessions of a person closes sockets, and rejects the tokens that were issued before', async () => {
  const { issuer, chat, me } = await start()
  const token = await issuer.token('person-1', NAMED)
  const socket = await chat.join({ id: 0, username: 'john', token })
  const { id } = await me(token)
  await chat.database.administration.endSessions(null, id)
  expect((await socket.closed).code).toBe(4401)
  await expect.poll(() => me(token)).toMatchObject(REJECTED)
  expect(await me(await issuer.token('person-1', { claims: { iat: undefined } }))).toMatchObject(REJECTED)
  const later = await issuer.token('person-1', { claims: { iat: Math.ceil(Date.now() / 1000) + 1 } })
  expect(await me(later)).toMatchObject({ status: 200, id })
})

test('a person chats over a WebSocket, and continues with a new token of the same person only', async () => {
  const { issuer, chat } = await start()
  const client = await chat.join({ id: 0, username: 'john', token: await issuer.token('person-1', NAMED) })
  client.send({ type: 'message', content: 'Hello' })
  expect(await client.nextOf('message')).toMatchObject({ username: 'john', content: 'Hello' })
  client.send({ type: 'auth', token: await issuer.token('person-1', { claims: { jti: 'next' } }) })
  expect(await client.nextOf('authenticated')).toMatchObject({ expires_at: expect.any(String) })
  client.send({ type: 'auth', token: await issuer.token('person-2') })
  expect(await client.nextOf('error')).toMatchObject({ code: 'wrong_user' })
})

test('the service starts and serves own accounts while the issuer does not respond', async () => {
  const { issuer, chat, me } = await start()
  issuer.respond = (_request, response) => response.writeHead(503).end()
  const token = await issuer.token('person-1')
  const response = await chat.call('GET', '/api/users/me', { token })
  expect(response).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  expect(response.headers.get('retry-after')).toBe('5')
  expect(await me((await chat.register('john')).token)).toMatchObject({ status: 200 })
  expect(chat.log()).toContain('failed to fetch the keys of AUTH_ISSUER')
  expect(chat.log()).not.toContain(token)
})

test('AUTH_LOCAL=false removes own accounts: their routes, their tokens and the page', async () => {
  const { issuer, chat } = await start()
  const john = await chat.register('john')
  const later = await startChat({ database: chat.database, settings: { ...issuer.settings, authLocal: false } })
  expect(await meOf(later)(await issuer.token('person-1'))).toMatchObject({ status: 200 })
  expect(await meOf(later)(john.token)).toMatchObject(REJECTED)
  for (const path of ['register', 'login', 'refresh', 'logout', 'password/forgot', 'password/reset', 'email/verify']) {
    expect((await later.call('POST', `/api/auth/${path}`, { body: {} })).status).toBe(404)
  }
  const paths = Object.keys((await later.call('GET', '/openapi.json')).body.paths)
  expect(paths.filter(path => path.startsWith('/api/auth/'))).toEqual([])
  expect((await later.call('GET', '/app')).status).toBe(404)
})
