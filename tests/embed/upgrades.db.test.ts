/**
 * Tests the chat's WebSocket beside other upgrade handlers of the same server. Each handler must handle only its own upgrades.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import httpProxy from '@fastify/http-proxy'
import underPressure from '@fastify/under-pressure'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { Server as SocketIo } from 'socket.io'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { chatService } from '../../src/index.ts'
import { testClient, testSchema } from '../support/database.ts'
import { connectRaw, H2C, type RawResponse, requestText, WEBSOCKET } from '../support/raw-http.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { byHeader, type RunningHost, startHost } from '../support/start-host.ts'

const wsUrl = ({ url }: RunningHost, path: string): string => url.replace('http', 'ws') + path

/** Sends a message over the chat's WebSocket, and waits until it is delivered. */
const talk = async (host: RunningHost): Promise<void> => {
  const ann = await host.join('ann')
  ann.send({ type: 'message', content: 'hello' })
  expect(await ann.nextOf('message')).toMatchObject({ content: 'hello' })
}

const refusedWith = async (url: string): Promise<number | undefined> => {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [, { statusCode }] = await once(socket, 'unexpected-response')
  socket.terminate()
  return statusCode
}

/** Starts a separate server that echoes every WebSocket message. */
const startEcho = async (): Promise<string> => {
  const upstream = Fastify()
  onTestFinished(() => upstream.close())
  await upstream.register(websocket)
  upstream.get('/*', { websocket: true }, socket => {
    socket.on('message', data => socket.send(String(data)))
  })
  return upstream.listen({ host: '127.0.0.1', port: 0 })
}

const echo = async (url: string): Promise<void> => {
  const client = await connect(url)
  client.send({ type: 'echo' })
  expect(await client.next()).toEqual({ type: 'echo' })
}

test.for(['before', 'after'] as const)(
  'works beside @fastify/http-proxy, which is registered %s the chat and proxies every other path',
  async order => {
    const upstream = await startEcho()
    const host = await startHost({
      [order]: (app: RunningHost['app']) => app.register(httpProxy, { upstream, websocket: true })
    })
    await talk(host)
    await echo(wsUrl(host, '/live'))
    await expect(host.join('')).rejects.toThrow('401')
    await talk(host)
  }
)

test('works beside Socket.IO, even if authenticate takes longer than the timeout of Socket.IO for upgrades of others', async () => {
  let io: SocketIo | undefined
  const host = await startHost({
    before(app) {
      io = new SocketIo(app.server, { destroyUpgradeTimeout: 20 })
      app.addHook('preClose', async () => void io?.close())
    },
    async authenticate(request) {
      await new Promise(resolve => setTimeout(resolve, 100))
      return byHeader(request)
    }
  })
  await talk(host)
  await expect(host.join('')).rejects.toThrow('401')
  const theirs = new WebSocket(wsUrl(host, '/socket.io/?EIO=4&transport=websocket'))
  onTestFinished(() => theirs.terminate())
  await once(theirs, 'open')
})

test('works beside a WebSocket server of the host that refuses other paths', async () => {
  const host = await startHost({
    before(app) {
      const own = new WebSocketServer({ server: app.server, path: '/own' })
      own.on('connection', socket => socket.on('message', data => socket.send(String(data))))
      app.addHook('preClose', async () => void own.close())
    }
  })
  await talk(host)
  await echo(wsUrl(host, '/own'))
  expect(await refusedWith(wsUrl(host, '/nowhere'))).toBe(400)
})

test('works beside @fastify/websocket in a plugin of the host with another maximum size', async () => {
  const host = await startHost({
    before: app =>
      app.register(async scope => {
        await scope.register(websocket, { options: { maxPayload: 10 } })
        scope.get('/own', { websocket: true }, socket => {
          socket.on('message', data => socket.send(String(data)))
        })
      })
  })
  await talk(host)
  const own = await connect(wsUrl(host, '/own'))
  own.send('longer than that')
  expect(await own.closed).toMatchObject({ code: 1009 })
})

test('accepts connections from injectWS of @fastify/websocket', async () => {
  const { app } = await startHost({ before: host => host.register(websocket) })
  const first = new Promise<string>((resolve, reject) => {
    const headers = { 'x-user': 'ann' }
    const injected = app.injectWS(
      '/support/ws/chat',
      { headers },
      {
        onInit: socket =>
          socket.once('message', data => {
            resolve(String(data))
            socket.terminate()
          })
      }
    )
    injected.catch(reject)
  })
  expect(JSON.parse(await first)).toMatchObject({ type: 'system', event: 'connected' })
  await expect(app.injectWS('/support/ws/chat')).rejects.toThrow('401')
  await expect(app.injectWS('/support/api/chat/messages', { headers: { 'x-user': 'ann' } })).rejects.toThrow('404')
})

test('closes the connection of an upgrade that a host’s hook or @fastify/under-pressure rejects', async () => {
  let isOverloaded = false
  const host = await startHost({
    async before(app) {
      app.addHook('onRequest', async (request, reply) => {
        if (request.headers.cookie !== 'in=1') return reply.code(401).send({ by: 'the host' })
      })
      await app.register(underPressure, { healthCheck: async () => !isOverloaded, healthCheckInterval: 5 })
    }
  })
  const { port } = host.app.server.address() as AddressInfo
  const ask = async (headers: Record<string, string>) => {
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.write(requestText('GET /support/ws/chat', { ...WEBSOCKET, 'x-user': 'ann', ...headers }))
    const response = await connection.response()
    if (response.status !== 101) await connection.closed
    return response
  }
  expect(await ask({})).toMatchObject({ status: 401, body: '{"by":"the host"}' })
  expect(await ask({ cookie: 'in=1' })).toMatchObject({ status: 101 })
  isOverloaded = true
  await expect.poll(async () => (await ask({ cookie: 'in=1' })).status).not.toBe(101)
  await host.app.close()
})

test('works on a Unix socket, where clients have no address', async () => {
  const [client, databaseSchema] = [await testClient(), await testSchema()]
  const folder = mkdtempSync(join(tmpdir(), 'chat-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const app = Fastify({ trustProxy: ['127.0.0.1'] })
  onTestFinished(() => app.close())
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, bcryptRounds: 4, connectionsPerIp: 5 }
  await app.register(chatService, { ...settings, client, databaseSchema })
  const path = join(folder, 'socket')
  await app.listen({ path })
  const post = async (url: string): Promise<RawResponse> => {
    const connection = await connectRaw({ path })
    const body = JSON.stringify({ username: 'john', password: 'SecurePass123' })
    const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }
    connection.write(requestText(`POST ${url}`, headers, body))
    return connection.response()
  }
  expect(await post('/api/auth/register')).toMatchObject({ status: 201 })
  const { access_token } = JSON.parse((await post('/api/auth/login')).body)
  const john = await connect(`ws+unix:${path}:/ws/chat?token=${access_token}`)
  john.send({ type: 'message', content: 'hello' })
  expect(await john.nextOf('message')).toMatchObject({ content: 'hello' })
})

test('ignores any number of offers to upgrade to HTTP/2', async () => {
  const { app } = await startHost({ pages: ['health'] })
  const { port } = app.server.address() as AddressInfo
  const connection = await connectRaw({ host: '127.0.0.1', port })
  for (let round = 0; round < 10; round++) {
    connection.write(requestText('GET /support/health/live', H2C).repeat(50))
    for (let at = 0; at < 50; at++) expect((await connection.response()).status).toBe(200)
  }
})
