/**
 * Tests WebSocket upgrades of the chat's route. The router decides which upgrades belong to the chat. Every upgrade of the chat
 * gets a response, and none delays a shutdown.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createDeferred } from '../support/deferred.ts'
import { connectRaw, requestText, WEBSOCKET } from '../support/raw-http.ts'
import { type StartSocketsOptions, startSockets } from '../support/start-sockets.ts'

/** Sends a WebSocket upgrade request over a raw connection, and returns the response. */
const requestUpgrade = async (port: number, path = '/ws/chat', headers: Record<string, string> = WEBSOCKET) => {
  const connection = await connectRaw({ host: '127.0.0.1', port })
  connection.write(requestText(`GET ${path}`, headers))
  return { connection, response: await connection.response() }
}

const connections = (app: FastifyInstance): Promise<number> =>
  new Promise(resolve => app.server.getConnections((_error, count) => resolve(count)))

describe('the path of a WebSocket is matched with the router’s settings', () => {
  const strip = { rewriteUrl: ({ url = '' }: { url?: string }) => url.replace(/^\/app/, '') }
  const tenants = { prefixes: ['/:tenant'] }
  test.for<[string, string, StartSocketsOptions]>([
    ['a path as it is', '/ws/chat', {}],
    ['with a query', '/ws/chat?token=x', {}],
    ['with percent signs', '/ws/ch%61t', {}],
    ['as a whole URL', 'http://localhost/ws/chat', {}],
    ['with rewriteUrl', '/app/ws/chat?x', { server: strip }],
    ['without regard to case', '/Ws/CHAT', { server: { routerOptions: { caseSensitive: false } } }],
    ['without regard to case, in the deprecated form', '/WS/chat', { server: { caseSensitive: false } }],
    ['with a slash at its end', '/ws/chat/', { server: { routerOptions: { ignoreTrailingSlash: true } } }],
    ['with slashes', '//ws///chat', { server: { routerOptions: { ignoreDuplicateSlashes: true } } }],
    ['with a semicolon', '/ws/chat;a=b', { server: { routerOptions: { useSemicolonDelimiter: true } } }],
    ['below a prefix with a parameter', '/acme/ws/chat', tenants]
  ])('%s', async ([, path, options]) => {
    const { port } = await startSockets(options)
    expect((await requestUpgrade(port, path)).response.status).toBe(101)
  })

  test('does not match other paths', async () => {
    const { port } = await startSockets()
    for (const path of ['/WS/chat', '/ws/chat/', '//ws/chat', '/ws/chat;a=b', '/ws%2Fchat']) {
      expect((await requestUpgrade(port, path)).response.status, path).toBe(404)
    }
  })

  test('matches the path below each of two prefixes in one host', async () => {
    const { join } = await startSockets({ prefixes: ['/one', '/two'] })
    await join('/one/ws/chat')
    await join('/two/ws/chat')
  })

  test('matches the path only for the host name in the route’s constraints', async () => {
    const { port } = await startSockets({
      before: app =>
        app.addHook('onRoute', route => {
          if (route.url === '/ws/chat') route.constraints = { host: 'chat.example' }
        })
    })
    expect((await requestUpgrade(port, '/ws/chat', { ...WEBSOCKET, host: 'chat.example' })).response.status).toBe(101)
    expect((await requestUpgrade(port, '/ws/chat', { ...WEBSOCKET, host: 'other.example' })).response.status).toBe(404)
  })
})

describe('an upgrade gets a response, and its socket is closed', () => {
  const hook = (onRequest: (request: FastifyRequest, reply: FastifyReply) => unknown): StartSocketsOptions => ({
    before: app => void app.addHook('onRequest', onRequest as never)
  })
  test.for<[string, number, StartSocketsOptions]>([
    ['a hook of the host replies', 401, hook(async (_request, reply) => reply.code(401).send('log in'))],
    ['a hook redirects', 302, hook((_request, reply) => void reply.redirect('/login'))],
    ['a hook throws', 500, hook(async () => Promise.reject(new Error('broken')))],
    [
      'a hook throws before it has a promise',
      500,
      hook(() => {
        throw new Error('broken')
      })
    ],
    [
      'a hook hijacks the reply and writes a response',
      403,
      hook(async (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(403, { 'content-length': 2 })
        reply.raw.end('no')
      })
    ],
    [
      'a hook hijacks the reply and writes nothing',
      503,
      { ...hook(async (_request, reply) => reply.hijack()), responseTimeoutMs: 50 }
    ],
    ['a hook never ends', 503, { ...hook(() => {}), responseTimeoutMs: 50 }],
    ['the route rejects the upgrade', 500, { authenticate: () => Promise.reject(new Error('nobody')) }]
  ])('when %s', async ([, status, options]) => {
    const { app, port } = await startSockets(options)
    const { connection, response } = await requestUpgrade(port)
    expect(response).toMatchObject({ status })
    expect(response.headers.get('connection')).toMatch(/close/)
    await connection.closed
    await expect.poll(() => connections(app)).toBe(0)
    await app.close()
  })

  test('closes the socket after a hook has ended it', async () => {
    const { app, port } = await startSockets(
      hook(async (request, reply) => {
        reply.hijack()
        request.raw.socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      })
    )
    const { connection, response } = await requestUpgrade(port)
    expect(response.status).toBe(403)
    connection.socket.end()
    await connection.closed
    await app.close()
  })

  test('responds to a client that sends more data and reads late', async () => {
    const { port } = await startSockets({ authenticate: () => Promise.reject(new Error('nobody')) })
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.socket.pause()
    connection.write(requestText('GET /ws/chat', WEBSOCKET))
    connection.write(Buffer.alloc(100_000))
    connection.socket.resume()
    expect((await connection.response()).status).toBe(500)
    await connection.closed
  })
})

describe('closing the server', () => {
  test('responds with 503 to an upgrade that a hook has not handled yet', async () => {
    const received = createDeferred()
    const { app, port } = await startSockets({
      before: host => void host.addHook('onRequest', () => received.resolve())
    })
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.write(requestText('GET /ws/chat', WEBSOCKET))
    await received.promise
    const closed = app.close()
    const { status, headers } = await connection.response()
    expect([status, headers.get('retry-after'), headers.get('cache-control')]).toEqual([503, '1', 'no-store'])
    await closed
  })
})

describe('an invalid WebSocket handshake gets a problem document', () => {
  const { host: _, ...withoutHost } = { host: '', ...WEBSOCKET }
  test.for<[string, number, string, Record<string, string>]>([
    ['a key of the wrong length', 400, 'bad_request', { ...WEBSOCKET, 'sec-websocket-key': 'dG9vc2hvcnQ=' }],
    ['a malformed key', 400, 'bad_request', { ...WEBSOCKET, 'sec-websocket-key': '!' }],
    ['a malformed list of subprotocols', 400, 'bad_request', { ...WEBSOCKET, 'sec-websocket-protocol': 'a,,b' }],
    ['another version', 426, 'upgrade_required', { ...WEBSOCKET, 'sec-websocket-version': '7' }],
    ['a malformed version', 426, 'upgrade_required', { ...WEBSOCKET, 'sec-websocket-version': 'x' }],
    ['no upgrade', 426, 'upgrade_required', {}]
  ])('for %s', async ([, status, code, headers]) => {
    const { port } = await startSockets()
    const { response } = await requestUpgrade(port, '/ws/chat', headers)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toMatch('application/problem+json')
    expect(JSON.parse(response.body)).toMatchObject({ status, code })
    if (status !== 426) return
    expect(response.headers.get('upgrade')).toBe('websocket')
    expect(response.headers.get('connection')).toMatch(/^upgrade/)
    expect(response.headers.get('sec-websocket-version')).toBe('13')
  })

  test('responds with a problem document if the key, the version or Host is missing', async () => {
    const { port } = await startSockets()
    for (const [missing, status] of [
      ['sec-websocket-key', 400],
      ['sec-websocket-version', 426],
      ['host', 400]
    ] as const) {
      const connection = await connectRaw({ host: '127.0.0.1', port })
      const lines = requestText('GET /ws/chat', withoutHost).split('\r\n')
      connection.write(lines.filter(line => !line.startsWith(`${missing}:`)).join('\r\n'))
      const response = await connection.response()
      expect(response.status, missing).toBe(status)
      expect(JSON.parse(response.body)).toMatchObject({ status })
    }
  })
})

describe('a client without an address', () => {
  const folder = mkdtempSync(joinPath(tmpdir(), 'chat-'))
  const path = joinPath(folder, 'socket')

  test.for([false, true, ['127.0.0.1']])('connects over a Unix socket (trustProxy: %s)', async trustProxy => {
    onTestFinished(() => rmSync(path, { force: true }))
    await startSockets({ listen: { path }, server: { trustProxy } })
    const connection = await connectRaw({ path })
    connection.write(requestText('GET /ws/chat', { ...WEBSOCKET, 'x-forwarded-for': '203.0.113.2' }))
    expect((await connection.response()).status).toBe(101)
    connection.socket.destroy()
    expect(await connection.closed).toContain('hello')
  })

  test.for([false, true, ['127.0.0.1']])(
    'connects with injectWS, before and after the host’s @fastify/websocket (trustProxy: %s)',
    async trustProxy => {
      for (const order of ['before', 'after'] as const) {
        const { app } = await startSockets({
          server: { trustProxy },
          [order]: (host: FastifyInstance) => host.register(websocket)
        })
        const hello = createDeferred<string>()
        const socket = await app.injectWS(
          '/ws/chat',
          {},
          { onInit: ws => ws.once('message', data => hello.resolve(String(data))) }
        )
        expect(JSON.parse(await hello.promise)).toMatchObject({ type: 'hello' })
        socket.terminate()
        await expect(app.injectWS('/ws/chat', { headers: { 'sec-websocket-protocol': ',' } })).rejects.toThrow('400')
      }
    }
  )
})
