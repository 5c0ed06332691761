/**
 * Tests the chat beside plugins, routes and schemas of a host, one test for each conflict. Neither the chat nor the host may
 * affect the other.
 */
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createChat } from '../../src/host.ts'
import { chatService } from '../../src/index.ts'
import { testClient, testDatabase, testSchema } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { byHeader, hostSettings, startHost } from '../support/start-host.ts'

const messages = '/support/api/chat/messages'

test('does not change a host’s decorators, hooks, error handler and 404 page', async () => {
  const { app, call } = await startHost({
    before(host) {
      host.decorate('chat', 'the host’s')
      host.decorate('db', 'the host’s')
      host.setErrorHandler((_error, _request, reply) => reply.code(418).send({ by: 'the host' }))
      host.setNotFoundHandler((_request, reply) => reply.code(404).send({ by: 'the host' }))
      host.get('/fails', async () => {
        throw new Error('x')
      })
    },
    after(host) {
      host.get('/late', async () => ({ by: 'the host' }))
    }
  })
  expect(Object.keys(app)).not.toContain('chatDb')
  expect(
    ['chatDb', 'chatCore', 'chatAuth', 'chatConfig', 'websocketServer'].filter(name => app.hasDecorator(name))
  ).toEqual([])
  expect(await call('GET', '/fails')).toMatchObject({ status: 418, body: { by: 'the host' } })
  for (const path of ['/nowhere', '/support/nowhere']) {
    expect(await call('GET', path)).toMatchObject({ status: 404, body: { by: 'the host' } })
  }
  expect(await call('GET', '/late')).toMatchObject({ body: { by: 'the host' } })
  expect((await call('GET', '/late')).headers.get('content-security-policy')).toBeNull()
  expect((await call('GET', messages)).headers.get('content-security-policy')).not.toBeNull()
})

test('rejects tokens of a host’s @fastify/jwt, and the decorators of @fastify/jwt continue to work', async () => {
  const database = await testDatabase()
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(jwt, { secret: SECRET_KEY })
  app.get('/host', { onRequest: request => request.jwtVerify() }, async ({ user }) => user)
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, bcryptRounds: 4 }
  await app.register(chatService, { ...settings, client: database.client, databaseSchema: database.schema })
  const body = { username: 'john', password: 'SecurePass123' }
  await app.inject({ method: 'POST', url: '/api/auth/register', body })
  const { access_token } = (await app.inject({ method: 'POST', url: '/api/auth/login', body })).json()
  const get = async (url: string, token: string) =>
    (await app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode
  expect(await get('/api/users/me', access_token)).toBe(200)
  expect(await get('/api/users/me', app.jwt.sign({ sub: 'john' }))).toBe(401)
  expect(await get('/host', app.jwt.sign({ sub: 'john' }))).toBe(200)
})

test('sends the CORS headers of a host’s @fastify/cors on its routes', async () => {
  const { call } = await startHost({ before: host => host.register(cors, { origin: 'https://host.example' }) })
  const headers = { origin: 'https://host.example' }
  const response = await call('GET', messages, { as: 'ann', headers })
  expect(response.headers.get('access-control-allow-origin')).toBe('https://host.example')
})

test('works with @fastify/cors that a host registers later, even without a prefix', async () => {
  const { call } = await startHost({ prefix: '', after: host => host.register(cors, { origin: true }) })
  expect((await call('GET', '/api/chat/messages', { as: 'ann' })).status).toBe(200)
})

test('applies its own limits beside a host’s @fastify/rate-limit, and responds with a problem document', async () => {
  const database = await testDatabase()
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(rateLimit, { global: true, max: 1000 })
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, loginRateLimit: 2 }
  await app.register(chatService, { ...settings, client: database.client, databaseSchema: database.schema })
  const body = { username: 'nobody', password: 'SecurePass123' }
  const login = () => app.inject({ method: 'POST', url: '/api/auth/login', body })
  const responses = [await login(), await login(), await login()]
  expect(responses.map(({ statusCode }) => statusCode)).toEqual([401, 401, 429])
  expect(responses[2]?.json()).toMatchObject({ status: 429, code: 'rate_limited' })
  expect(responses[2]?.headers['retry-after']).toBeDefined()
})

test('keeps its responses out of caches, even if a host’s hooks allow caching of all responses', async () => {
  const { call } = await startHost({
    before: host => {
      host.addHook('onRequest', async (_, reply) => void reply.header('cache-control', 'public, max-age=60'))
      host.addHook('onSend', async (_, reply) => void reply.header('cache-control', 'public, max-age=60'))
      host.get('/mine', async () => 'mine')
    }
  })
  const cachingOf = async (path: string, as?: string) =>
    (await call('GET', path, as === undefined ? {} : { as })).headers.get('cache-control')
  expect(await cachingOf('/support/api/chat/messages', 'ann')).toBe('no-store')
  expect(await cachingOf('/support/api/users/me')).toBe('no-store')
  expect(await cachingOf('/mine')).toBe('public, max-age=60')
})

test('sends only the headers of a host’s @fastify/helmet, if there is one', async () => {
  const policy = { directives: { defaultSrc: ["'self'"] }, useDefaults: false }
  const { call } = await startHost({ before: host => host.register(helmet, { contentSecurityPolicy: policy }) })
  const { headers } = await call('GET', messages, { as: 'ann' })
  expect(headers.get('content-security-policy')).toBe("default-src 'self'")
  expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
})

test('does not replace a security header or request id that the host has set', async () => {
  const { call } = await startHost({
    before: host => {
      host.addHook('onRequest', async (_, reply) => {
        reply.header('content-security-policy', "default-src 'self'").header('x-request-id', 'mine')
        reply.raw.setHeader('cross-origin-resource-policy', 'cross-origin')
      })
      host.addHook('onSend', async (_, reply) => void reply.header('x-content-type-options', 'mine'))
    }
  })
  const { headers } = await call('GET', messages, { as: 'ann' })
  expect(headers.get('content-security-policy')).toBe("default-src 'self'")
  expect(headers.get('x-request-id')).toBe('mine')
  expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
  expect(headers.get('x-content-type-options')).toBe('mine')
})

test('adds its routes to the document of a host’s @fastify/swagger, with the host’s security scheme', async () => {
  const { app } = await startHost({
    documentSecurity: [{ cookieAuth: [] }],
    before: async host => {
      const components = { securitySchemes: { cookieAuth: { type: 'apiKey', in: 'cookie', name: 'sid' } } } as const
      await host.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Host', version: '1' }, components } })
      host.get('/host', { schema: { operationId: 'getHost' } }, async () => ({}))
    }
  })
  // biome-ignore lint/suspicious/noExplicitAny: the document's type has both versions of OpenAPI in it.
  const document = app.swagger() as any
  expect(document.info).toMatchObject({ title: 'Host' })
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/host', messages, '/support/api/chat/rooms/{room}'])
  )
  expect(document.paths['/host']?.get?.operationId).toBe('getHost')
  expect(document.paths[messages]?.get).toMatchObject({
    operationId: 'supportListMessages',
    security: [{ cookieAuth: [] }]
  })
})

test('works beside a host’s @fastify/websocket, and closes a connection after an oversized frame', async () => {
  const { join, url } = await startHost({
    before: async host => {
      await host.register(websocket)
      host.get('/echo', { websocket: true }, (socket: WebSocket) => {
        socket.on('message', data => socket.send(String(data)))
      })
    }
  })
  const ann = await join('ann')
  ann.send({ type: 'message', content: 'hello' })
  await ann.nextOf('message')
  const echo = await connect(`${url.replace('http', 'ws')}/echo`)
  echo.send({ type: 'echo' })
  expect(await echo.next()).toEqual({ type: 'echo' })
  ann.send({ type: 'message', content: 'x'.repeat(80_000) })
  expect(await ann.closed).toMatchObject({ code: 1009 })
})

test('works with @fastify/websocket that a host registers later', async () => {
  const { join, url } = await startHost({
    after: async host => {
      await host.register(websocket)
      await host.register(async scope => {
        scope.get('/late', { websocket: true }, (socket: WebSocket) => socket.send('{"type":"late"}'))
      })
    }
  })
  await join('ann')
  const late = await connect(`${url.replace('http', 'ws')}/late`)
  await late.nextOf('late')
})

test('does not handle the upgrades of another library on the same server', async () => {
  const { app, url, join } = await startHost({
    before(host) {
      host.server.on('upgrade', (request, socket) => {
        if (request.url === '/other') socket.end('HTTP/1.1 101 Other\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n')
      })
      host.get('/', async () => 'home')
    }
  })
  const { port } = new URL(url)
  const upgraded = new Promise<number | undefined>(resolve => {
    const headers = { connection: 'Upgrade', upgrade: 'other' }
    httpRequest({ port, path: '/other', headers })
      .on('upgrade', ({ statusCode }) => resolve(statusCode))
      .end()
  })
  expect(await upgraded).toBe(101)
  await join('ann')
  expect(app.server.listenerCount('upgrade')).toBe(1)
})

test('runs twice in one host under two prefixes and schemas, with separate users, tokens and sockets', async () => {
  const client = await testClient()
  const app = Fastify()
  onTestFinished(() => app.close())
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, bcryptRounds: 4, client }
  for (const prefix of ['/one', '/two']) {
    await app.register(chatService, { ...settings, prefix, databaseSchema: await testSchema() })
  }
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const tokens: string[] = []
  for (const prefix of ['/one', '/two']) {
    const body = { username: 'john', password: 'SecurePass123' }
    expect((await app.inject({ method: 'POST', url: `${prefix}/api/auth/register`, body })).statusCode).toBe(201)
    tokens.push((await app.inject({ method: 'POST', url: `${prefix}/api/auth/login`, body })).json().access_token)
  }
  const [one = '', two = ''] = tokens
  const get = async (path: string, token: string) =>
    (await app.inject({ url: path, headers: { authorization: `Bearer ${token}` } })).statusCode
  expect(await Promise.all([get('/one/api/users/me', one), get('/two/api/users/me', two)])).toEqual([200, 200])
  expect(await Promise.all([get('/one/api/users/me', two), get('/two/api/users/me', one)])).toEqual([401, 401])
  const socket = (prefix: string, token: string) =>
    connect(`${url.replace('http', 'ws')}${prefix}/ws/chat?token=${token}`)
  const [first, second] = [await socket('/one', one), await socket('/two', two)]
  await expect(socket('/one', two)).rejects.toThrow('401')
  first.send({ type: 'message', content: 'only here' })
  await first.nextOf('message')
  expect((await second.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
})

test('does not use a host’s validator, serializer and parsers', async () => {
  const { call } = await startHost({
    before(host) {
      host.setValidatorCompiler(() => () => ({ error: new Error('the host’s validator') }))
      host.setSerializerCompiler(() => () => 'the host’s serializer')
      host.removeAllContentTypeParsers()
      host.addContentTypeParser('*', (_request, _payload, done) => done(null, 'the host’s parser'))
    }
  })
  const rooms = '/support/api/chat/rooms'
  expect(await call('POST', rooms, { as: 'ann', body: { room: 'r1' } })).toMatchObject({
    status: 201,
    body: { room: 'r1' }
  })
  expect(await call('POST', rooms, { as: 'ann', body: { room: 'R 1' } })).toMatchObject({ status: 422 })
  const text = { body: 'x', headers: { 'content-type': 'text/plain' } }
  expect(await call('POST', rooms, { as: 'ann', ...text })).toMatchObject({ status: 415 })
})

test('works in a host without a prefix and without a logger', async () => {
  const { call, join } = await startHost({ prefix: '', server: { logger: false } })
  expect((await call('GET', '/api/chat/messages', { as: 'ann' })).status).toBe(200)
  await join('ann')
})

test('serves only the pages that the option `pages` selects', async () => {
  const some = await startHost({ pages: ['health'] })
  expect((await some.call('GET', '/support/health')).body).toMatchObject({ status: 'healthy' })
  expect((await some.call('GET', '/support/')).status).toBe(404)
  const all = await startHost({ pages: true })
  expect((await all.call('GET', '/support/')).status).toBe(200)
  const document = await all.call('GET', '/support/openapi.json')
  expect(Object.keys(document.body.paths)).toContain(messages)
  expect((await all.call('GET', '/support/redoc')).status).toBe(200)
})

test('leaves no socket open after a refused upgrade, of the chat or of the host', async () => {
  const { app, url, join } = await startHost()
  await expect(join('')).rejects.toThrow('401')
  const elsewhere = new WebSocket(`${url.replace('http', 'ws')}/nowhere`)
  await new Promise(resolve => elsewhere.once('error', resolve))
  await new Promise<void>(resolve => {
    const check = () =>
      app.server.getConnections((_error, count) => (count === 0 ? resolve() : void setImmediate(check)))
    check()
  })
})

test('works with a server from a host’s `serverFactory`', async () => {
  const serverFactory = (handler: RequestListener) => createServer(handler)
  const { join } = await startHost({ server: { serverFactory } as never })
  await join('ann')
})

test('needs no secret for tokens if the host authenticates its users', () => {
  expect(() => createChat({ ...hostSettings, authenticate: byHeader })).not.toThrow()
})

test('accepts a prefix that ends with a slash', async () => {
  const { call, url } = await startHost({ prefix: '/support/' })
  expect((await call('GET', messages, { as: 'ann' })).status).toBe(200)
  const client = await connect(`${url.replace('http', 'ws')}/support/ws/chat`, { headers: { 'x-user': 'ann' } })
  await client.nextOf('subscribed')
})
