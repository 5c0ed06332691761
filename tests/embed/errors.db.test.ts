/** Tests how hooks and plugins of a host affect the chat's routes when they throw errors or change responses. */
import sensible from '@fastify/sensible'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { startHost } from '../support/start-host.ts'

const path = '/support/api/users/me'

/** Starts a host whose onRequest hook calls `fail`. `fail` throws an error, and may first set the status of the reply. */
const startFailing = (fail: (host: FastifyInstance, reply: { code(status: number): unknown }) => unknown) =>
  startHost({
    async before(host) {
      await host.register(sensible)
      host.addHook('onRequest', async (_, reply) => {
        await fail(host, reply)
      })
    }
  })

test.for([
  [400, 'bad_request', 'Bad request'],
  [401, 'not_logged_in', 'Not logged in'],
  [402, 'http_402', 'Payment Required'],
  [403, 'not_allowed', 'Not allowed'],
  [404, 'not_found', 'Not found'],
  [409, 'http_409', 'Conflict'],
  [410, 'http_410', 'Gone'],
  [413, 'payload_too_large', 'Payload too large'],
  [415, 'unsupported_media_type', 'Unsupported media type'],
  [418, 'http_418', "I'm a Teapot"],
  [422, 'http_422', 'Unprocessable Entity'],
  [429, 'rate_limited', 'Too many requests'],
  [451, 'http_451', 'Unavailable For Legal Reasons']
] as const)('keeps the status %i and the message of a host’s error', async ([status, code, title]) => {
  const { call } = await startFailing(host => {
    throw host.httpErrors.createError(status, 'The host says no.')
  })
  const response = await call('GET', path, { as: 'ann' })
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  expect(response).toMatchObject({ status, body: { status, code, title, detail: 'The host says no.' } })
  expect(response.body.type).toBe(`urn:fastify-chat:problem:${code}`)
  expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
})

test.for([
  [500, 'internal_error'],
  [501, 'http_501'],
  [502, 'http_502'],
  [503, 'unavailable'],
  [504, 'http_504'],
  [507, 'http_507']
] as const)('keeps the status %i of a host’s failure, but hides its message', async ([status, code]) => {
  const { call, log } = await startFailing(host => {
    throw host.httpErrors.createError(status, 'connect 10.1.2.3')
  })
  const response = await call('GET', path, { as: 'ann' })
  expect(response).toMatchObject({ status, body: { status, code } })
  expect(JSON.stringify(response.body)).not.toContain('10.1.2.3')
  expect(log()).toContain('the request failed')
})

const ajvError = { keyword: 'type', instancePath: '/a', schemaPath: '#/a', params: { type: 'string' }, message: 'bad' }

const thrownByHosts: readonly (readonly [string, () => unknown, number, string | RegExp])[] = [
  [
    'an object with `status` instead of `statusCode`',
    () => ({ status: 402, message: 'Pay first.' }),
    402,
    'Pay first.'
  ],
  ['an object that is not an Error', () => ({ statusCode: 410, message: 'Gone.' }), 410, 'Gone.'],
  ['an object without a message', () => ({ statusCode: 409 }), 409, 'Conflict.'],
  ['an object whose message is not a string', () => ({ statusCode: 409, message: { a: 1 } }), 409, 'Conflict.'],
  [
    'an error with a status of success',
    () => Object.assign(new Error('x'), { statusCode: 200 }),
    500,
    /service failed/
  ],
  [
    'an error with a status out of range',
    () => Object.assign(new Error('x'), { statusCode: 999 }),
    500,
    /service failed/
  ],
  [
    'an error with a status in words',
    () => Object.assign(new Error('x'), { statusCode: 'gone' }),
    500,
    /service failed/
  ],
  ['a SyntaxError', () => new SyntaxError('Unexpected token'), 500, /service failed/],
  [
    'an object with validation errors of its own',
    () => ({ statusCode: 422, message: 'Bad.', validation: [{ path: ['a'] }] }),
    422,
    'Bad.'
  ],
  [
    'an error whose validation errors have the form of Ajv’s',
    () => Object.assign(new Error('Taken.'), { statusCode: 409, validation: [ajvError], validationContext: 'body' }),
    409,
    'Taken.'
  ],
  [
    'an error with an empty list of validation errors',
    () => Object.assign(new Error('Bad.'), { statusCode: 400, validation: [] }),
    400,
    'Bad.'
  ],
  [
    'an object whose message clients may not see',
    () => ({ statusCode: 410, message: 'at 10.1.2.3', expose: false }),
    410,
    'Gone.'
  ],
  ['a string', () => 'no', 500, /service failed/]
]

test.for(thrownByHosts)('responds with a problem document if a host throws %s', async ([, thrown, status, detail]) => {
  const { call } = await startFailing(() => {
    throw thrown()
  })
  const response = await call('GET', path, { as: 'ann' })
  expect(response).toMatchObject({ status, body: { status, detail: expect.stringMatching(detail) } })
})

test('keeps the headers that a host has set, and sends the headers of its error', async () => {
  const { call } = await startHost({
    before: host =>
      host.addHook('onRequest', async (_, reply) => {
        reply.header('www-authenticate', 'Basic realm="host"')
        const headers = { 'Retry-After': '7', 'content-type': 'text/html', 'content-length': '3' }
        throw Object.assign(new Error('Log in.'), { statusCode: 401, headers })
      })
  })
  const { status, headers, body } = await call('GET', path)
  expect([status, body.detail]).toEqual([401, 'Log in.'])
  expect(headers.get('www-authenticate')).toBe('Basic realm="host"')
  expect(headers.get('retry-after')).toBe('7')
  expect(headers.get('content-type')).toContain('application/problem+json')
})

test('sends the challenge of a host’s error, and omits headers that HTTP does not allow', async () => {
  const headers = { 'WWW-Authenticate': 'Basic realm="host"', 'x-bad': 'a\r\nb', 'x-wide': '→', 'x bad': 'y' }
  const cookies = ['a=1; Path=/', 'b=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT']
  const { call } = await startFailing(() => {
    throw Object.assign(new Error('Log in.'), { statusCode: 401, headers: { ...headers, 'set-cookie': cookies } })
  })
  const response = await call('GET', path)
  expect(response).toMatchObject({ status: 401, body: { detail: 'Log in.' } })
  expect(response.headers.getSetCookie()).toEqual(cookies)
  expect(response.headers.get('www-authenticate')).toBe('Basic realm="host"')
})

test('uses the status that a host’s hook has set, if the error has none', async () => {
  const { call } = await startFailing((_, reply) => {
    reply.code(402)
    throw new Error('Pay first.')
  })
  expect(await call('GET', path)).toMatchObject({ status: 402, body: { code: 'http_402', detail: 'Pay first.' } })
})

const unhealthy = { healthCheck: async () => false, healthCheckInterval: 60_000 }

test('keeps the status 503 and Retry-After of a host’s @fastify/under-pressure', async () => {
  const { call } = await startHost({
    before: host => host.register(underPressure, { ...unhealthy, retryAfter: 50, message: 'busy inside' })
  })
  const { status, headers, body } = await call('GET', path, { as: 'ann' })
  expect([status, body.code]).toEqual([503, 'unavailable'])
  expect(headers.get('retry-after')).toBe('50')
  expect(body.detail).not.toContain('inside')
})

test('has its own error messages for what Fastify itself rejects', async () => {
  const { call } = await startHost()
  const text = { body: 'x', headers: { 'content-type': 'text/plain' } }
  expect(await call('POST', '/support/api/chat/rooms', { as: 'ann', ...text })).toMatchObject({
    status: 415,
    body: {
      code: 'unsupported_media_type',
      detail: 'The type of the body is not supported. Send the body as application/json.'
    }
  })
})

test('reports an invalid request in its own words although the host formats errors of validation', async () => {
  const { call } = await startHost({
    before: host =>
      host.setSchemaErrorFormatter(() =>
        Object.assign(new Error('The host says no.'), { code: 'OURS', statusCode: 400 })
      )
  })
  expect(await call('POST', '/support/api/chat/rooms', { as: 'ann', body: {} })).toMatchObject({
    status: 422,
    body: { code: 'validation_failed', errors: [{ path: '/body/room', message: 'Room is missing.' }] }
  })
})

test('does not put responses and errors into the envelope of a host’s responses', async () => {
  const { call, chat } = await startHost({
    pages: ['health', 'documents'],
    before(host) {
      host.addHook('preSerialization', async (_request, _reply, payload) => ({ ok: true, data: payload }))
      host.setReplySerializer(payload => JSON.stringify({ by: 'the host', payload }))
      host.get('/host', async () => ({ a: 1 }))
    }
  })
  expect((await call('GET', '/host')).body).toEqual({ by: 'the host', payload: { ok: true, data: { a: 1 } } })
  await chat.post({ as: { id: 'bot', name: 'Bot' }, content: 'hi' })
  const rooms = '/support/api/chat/rooms'
  expect(await call('GET', path, { as: 'ann' })).toMatchObject({ status: 200, body: { username: 'ann' } })
  expect(await call('GET', '/support/api/chat/messages', { as: 'ann' })).toMatchObject({ body: [{ content: 'hi' }] })
  expect(await call('GET', `${rooms}/general/messages`, { as: 'ann' })).toMatchObject({ body: { room: 'general' } })
  expect(await call('POST', rooms, { as: 'ann', body: { room: 'r' } })).toMatchObject({ status: 201, body: { seq: 0 } })
  expect(await call('POST', rooms, { as: 'ann', body: {} })).toMatchObject({ body: { code: 'validation_failed' } })
  expect(await call('GET', path)).toMatchObject({ status: 401, body: { code: 'not_logged_in' } })
  expect(await call('GET', '/support/health')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/support/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } })
})

test('passes every response and error to a host’s onSend hook as JSON', async () => {
  const seen: number[] = []
  const { call } = await startHost({
    before: host =>
      host.addHook('onSend', async (_request, reply, payload) => {
        JSON.parse(String(payload))
        seen.push(reply.statusCode)
        return payload
      })
  })
  expect((await call('GET', path, { as: 'ann' })).status).toBe(200)
  expect((await call('GET', path)).status).toBe(401)
  expect((await call('GET', '/support/api/chat/messages', { as: 'ann' })).status).toBe(200)
  expect(seen).toEqual([200, 401, 200])
})
