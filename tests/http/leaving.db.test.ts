/** Tests clients that disconnect while the service authenticates them. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import type { FastifyServerOptions } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { createDeferred } from '../support/deferred.ts'
import { byHeader, type HostOptions, startHost } from '../support/start-host.ts'

/** The number of clients that disconnect: more than the concurrent reads that one user may have. */
const LEFT = 12
const PATH = '/support/api/users/me'

/** Starts a host whose authentication waits until `answer` is called. */
const start = async (options: HostOptions = {}) => {
  let asked = 0
  let answered = 0
  let left = 0
  const gate = createDeferred()
  const host = await startHost({
    async authenticate(request) {
      asked++
      await gate.promise
      answered++
      return byHeader(request)
    },
    before: app => void app.addHook('onRequest', async (_request, reply) => void reply.raw.once('close', () => left++)),
    ...options
  })
  return {
    ...host,
    port: Number(new URL(host.url).port),
    async untilAsked() {
      await expect.poll(() => asked).toBe(LEFT)
    },
    /** Resolves when the service has noticed that all clients disconnected. */
    async untilLeft() {
      await expect.poll(() => left).toBe(LEFT)
    },
    /** Completes the authentication of all requests, which continue without their clients. */
    async answer() {
      gate.resolve()
      await expect.poll(() => answered).toBe(LEFT)
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
  }
}

test('a client that leaves while it is authenticated keeps no place of its user', async () => {
  const { port, call, untilAsked, untilLeft, answer } = await start()
  const sockets = Array.from({ length: LEFT }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-user: ann\r\n\r\n`)
  await untilAsked()
  for (const socket of sockets) socket.resetAndDestroy()
  await untilLeft()
  await answer()
  expect(await call('GET', PATH, { as: 'ann' })).toMatchObject({ status: 200 })
})

test('a client that cancels a request of HTTP/2 while it is authenticated keeps no place of its user', async () => {
  const { port, untilAsked, untilLeft, answer } = await start({ server: { http2: true } as FastifyServerOptions })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  const request = () => session.request({ ':path': PATH, 'x-user': 'ann' })
  const streams = Array.from({ length: LEFT }, request)
  for (const stream of streams) stream.on('error', () => {}).end()
  await untilAsked()
  for (const stream of streams) stream.close(8)
  await untilLeft()
  await answer()
  const [headers] = await once(request(), 'response')
  expect(headers[':status']).toBe(200)
})
