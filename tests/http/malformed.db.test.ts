/**
 * Tests requests to which Node, by default, responds without a body or not at all. The chat's own server responds with a
 * problem document.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { refuseMalformed } from '../../src/http/malformed.ts'
import { connectRaw, requestText, WEBSOCKET } from '../support/raw-http.ts'
import { startChat } from '../support/start-chat.ts'

const HOSTLESS = (line: string, headers = {}, body = '') =>
  requestText(line, headers, body).replace('host: localhost\r\n', '')
const BODY = { 'content-type': 'application/json', 'content-length': '2' }

const REFUSED: readonly (readonly [string, number, string, string])[] = [
  ['no Host', 400, 'bad_request', HOSTLESS('GET /health/live')],
  ['no Host, for an unknown path', 400, 'bad_request', HOSTLESS('GET /nowhere')],
  ['no Host, with a body', 400, 'bad_request', HOSTLESS('POST /api/auth/login', BODY, '{}')],
  ['no Host, for a WebSocket', 400, 'bad_request', HOSTLESS('GET /ws/chat', WEBSOCKET)],
  ['an expectation', 417, 'bad_request', requestText('GET /health/live', { expect: 'nothing' })],
  [
    'an expectation, with a body',
    417,
    'bad_request',
    requestText('POST /api/auth/login', { ...BODY, expect: '200-ok' }, '{}')
  ],
  ['an expectation, for a WebSocket', 417, 'bad_request', requestText('GET /ws/chat', { ...WEBSOCKET, expect: 'x' })],
  ['CONNECT', 405, 'bad_request', requestText('CONNECT example.com:443')],
  ['an unknown method', 400, 'bad_request', requestText('NONE /')],
  ['no HTTP', 400, 'bad_request', '\u0000\u0001\r\n\r\n'],
  [
    'two lengths',
    400,
    'bad_request',
    requestText('POST /api/auth/login', { ...BODY, 'transfer-encoding': 'chunked' }, '{}')
  ],
  ['a head that is too large', 431, 'payload_too_large', requestText('GET /', { long: 'x'.repeat(20_000) })],
  [
    'a malformed key of a WebSocket',
    401,
    'missing_token',
    requestText('GET /ws/chat', { ...WEBSOCKET, 'sec-websocket-key': 'x' })
  ]
]

test('a request that Node rejects gets a problem document', async () => {
  const { url } = await startChat()
  for (const [name, status, code, text] of REFUSED) {
    const connection = await connectRaw({ host: '127.0.0.1', port: Number(new URL(url).port) })
    connection.write(text)
    const response = await connection.response()
    expect(response.headers.get('content-type'), name).toMatch(/^application\/problem\+json/)
    expect(JSON.parse(response.body), name).toMatchObject({
      status,
      code,
      title: expect.any(String),
      detail: expect.any(String)
    })
    expect(response.status, name).toBe(status)
  }
})

test('the response to a body that is late contains the headers for the request, and the response to a late head does not', async () => {
  const server = createServer({ requestTimeout: 50, headersTimeout: 50, connectionsCheckingInterval: 10 }, () => {})
  server.on('clientError', (error, socket) =>
    refuseMalformed(error, socket, ({ headers }) => ({ 'x-for': headers.origin ?? '' }))
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const request = requestText('POST /', { origin: 'https://a.example', 'content-length': '2' })
  for (const [sent, expected] of [
    [request, 'https://a.example'],
    [request.slice(0, -2), undefined]
  ] as const) {
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.write(sent)
    const { status, headers } = await connection.response()
    expect([status, headers.get('x-for')]).toEqual([408, expected])
  }
})

test('no problem document is written into a response that has begun', async () => {
  const server = createServer(
    (_request, response) => void response.writeHead(200, { 'content-length': 9 }).write('half')
  )
  server.on('clientError', refuseMalformed)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const connection = await connectRaw({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  connection.write(requestText('GET /'))
  await new Promise(resolve => connection.socket.once('data', resolve))
  connection.write('\u0000\r\n\r\n')
  expect(await connection.closed).toMatch(/\r\n\r\nhalf$/)
})

test('a request with HTTP/1.0 needs no Host, and 100-continue gets a 100', async () => {
  const { url } = await startChat()
  const port = Number(new URL(url).port)
  const old = await connectRaw({ host: '127.0.0.1', port })
  old.write('GET /health/live HTTP/1.0\r\n\r\n')
  expect((await old.response()).status).toBe(200)
  const connection = await connectRaw({ host: '127.0.0.1', port })
  connection.write(requestText('POST /api/auth/login', { ...BODY, expect: '100-Continue' }))
  expect((await connection.response()).status).toBe(100)
  connection.write('{}')
  expect((await connection.response()).status).toBe(422)
})

test('an invalid WebSocket handshake with a valid token gets a problem document', async () => {
  const { url, register } = await startChat()
  const { token } = await register('john')
  for (const [headers, status] of [
    [{ 'sec-websocket-key': 'x' }, 400],
    [{ 'sec-websocket-protocol': 'chat.v1,,' }, 400],
    [{ 'sec-websocket-version': '12' }, 426]
  ] as const) {
    const connection = await connectRaw({ host: '127.0.0.1', port: Number(new URL(url).port) })
    connection.write(requestText(`GET /ws/chat?token=${token}`, { ...WEBSOCKET, ...headers }))
    const response = await connection.response()
    expect([response.status, response.headers.get('content-type')]).toEqual([
      status,
      expect.stringMatching(/^application\/problem\+json/)
    ])
    await connection.closed
  }
})
