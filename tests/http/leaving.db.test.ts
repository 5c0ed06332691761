/** Tests clients that disconnect while the service authenticates them. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import type { FastifyServerOptions } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { createDeferred } from '../support/deferred.ts'
import { byHeader, type HostOptions, startHost } from '../support/start-host.ts'

/** The number of clients that disconnect. This number exceeds the maximum number of concurrent reads per user. */
const CLIENTS = 12
const PATH = '/support/api/users/me'

/** Starts a host whose authentication waits until `finishAuthentication` is called. */
const start = async (options: HostOptions = {}) => {
  let started = 0
  let finished = 0
  let disconnected = 0
  const gate = createDeferred()
  const host = await startHost({
    async authenticate(request) {
      started++
      await gate.promise
      finished++
      return byHeader(request)
    },
    before: app =>
      void app.addHook('onRequest', async (_request, reply) => void reply.raw.once('close', () => disconnected++)),
    ...options
  })
  return {
    ...host,
    port: Number(new URL(host.url).port),
    async untilStarted() {
      await expect.poll(() => started).toBe(CLIENTS)
    },
    /** Resolves when the service has detected that all clients disconnected. */
    async untilDisconnected() {
      await expect.poll(() => disconnected).toBe(CLIENTS)
    },
    /** Completes the authentication of all requests, and waits until the service has processed the results. */
    async finishAuthentication() {
      gate.resolve()
      await expect.poll(() => finished).toBe(CLIENTS)
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
  }
}

test('a client that disconnects during its authentication does not count towards the limit of its user', async () => {
  const { port, call, untilStarted, untilDisconnected, finishAuthentication } = await start()
  const sockets = Array.from({ length: CLIENTS }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-user: ann\r\n\r\n`)
  await untilStarted()
  for (const socket of sockets) socket.resetAndDestroy()
  await untilDisconnected()
  await finishAuthentication()
  expect(await call('GET', PATH, { as: 'ann' })).toMatchObject({ status: 200 })
})

test('a client that cancels an HTTP/2 request during its authentication does not count towards the limit of its user', async () => {
  const { port, untilStarted, untilDisconnected, finishAuthentication } = await start({
    server: { http2: true } as FastifyServerOptions
  })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  const request = () => session.request({ ':path': PATH, 'x-user': 'ann' })
  const streams = Array.from({ length: CLIENTS }, request)
  for (const stream of streams) stream.on('error', () => {}).end()
  await untilStarted()
  for (const stream of streams) stream.close(8)
  await untilDisconnected()
  await finishAuthentication()
  const [headers] = await once(request(), 'response')
  expect(headers[':status']).toBe(200)
})
