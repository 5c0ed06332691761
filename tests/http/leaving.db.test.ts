/** Clients that leave while it is looked up who they are. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyServerOptions } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { byHeader, type HostOptions, startHost } from '../support/start-host.ts'

/** More than one user may read at a time. */
const LEFT = 12
const PATH = '/support/api/users/me'

/** Starts a host that takes its time to say who is calling, until it is told to be quick. */
const start = async (options: HostOptions = {}) => {
  let asked = 0
  let answered = 0
  let isSlow = true
  const host = await startHost({
    async authenticate(request) {
      asked++
      if (isSlow) await delay(100)
      answered++
      return byHeader(request)
    },
    ...options
  })
  return {
    ...host,
    port: Number(new URL(host.url).port),
    async untilAsked() {
      await expect.poll(() => asked).toBe(LEFT)
    },
    async untilAnswered() {
      await expect.poll(() => answered).toBe(LEFT)
      // The requests go on without their clients.
      await delay(50)
      isSlow = false
    }
  }
}

test('a client that leaves while it is authenticated keeps no place of its user', async () => {
  const { port, call, untilAsked, untilAnswered } = await start()
  const sockets = Array.from({ length: LEFT }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-user: ann\r\n\r\n`)
  await untilAsked()
  for (const socket of sockets) socket.resetAndDestroy()
  await untilAnswered()
  expect(await call('GET', PATH, { as: 'ann' })).toMatchObject({ status: 200 })
})

test('a client that cancels a request of HTTP/2 while it is authenticated keeps no place of its user', async () => {
  const { port, untilAsked, untilAnswered } = await start({ server: { http2: true } as FastifyServerOptions })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  const request = () => session.request({ ':path': PATH, 'x-user': 'ann' })
  const streams = Array.from({ length: LEFT }, request)
  for (const stream of streams) stream.on('error', () => {}).end()
  await untilAsked()
  for (const stream of streams) stream.close(8)
  await untilAnswered()
  const [headers] = await once(request(), 'response')
  expect(headers[':status']).toBe(200)
})
