/** Tests that a server stops listening without waiting for idle connections, or for responses on closed connections. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { watchSockets } from '../../src/http/open-sockets.ts'
import { connectRaw, requestText } from '../support/raw-http.ts'

/** A time in milliseconds that is longer than the timeout of a test. If `stopListening` waits this long, the test fails. */
const LONG_MS = 3_600_000

/** Starts a server whose requests have no response until the test ends one of `responses`. */
const start = async () => {
  const responses: ServerResponse[] = []
  const server = createServer((_, response) => void responses.push(response))
  onTestFinished(() => server.closeAllConnections())
  const sockets = watchSockets(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connection = await connectRaw({ host: '127.0.0.1', port })
  return { server, sockets, responses, connection }
}

const GET = requestText('GET /', {})

test('does not wait for responses that were queued when their connection was closed', async () => {
  const { server, sockets, responses, connection } = await start()
  connection.write(GET.repeat(3))
  while (responses.length < 3) await once(server, 'request')
  connection.socket.destroy()
  await once(responses[0] as ServerResponse, 'close')
  await sockets.stopListening({ idleMs: LONG_MS, requestsMs: LONG_MS })
})

test('closes an idle connection while a request on another one is in progress, and waits for that request', async () => {
  const { server, sockets, responses, connection } = await start()
  connection.write(GET)
  await once(server, 'request')
  const { port } = server.address() as AddressInfo
  const idle = await connectRaw({ host: '127.0.0.1', port })
  idle.write(GET)
  await once(server, 'request')
  responses[1]?.end()
  let hasStopped = false
  const stopped = sockets.stopListening({ idleMs: 10, requestsMs: LONG_MS }).then(() => (hasStopped = true))
  await once(idle.socket, 'close')
  expect(hasStopped).toBe(false)
  responses[0]?.end()
  await stopped
  // A proxy would send its next request on a connection that stays open.
  await connection.closed
})
