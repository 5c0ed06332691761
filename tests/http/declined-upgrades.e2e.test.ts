/**
 * Tests upgrade requests that no handler accepts. The service must handle them as ordinary requests, regardless of how often a
 * client repeats them on one connection.
 */
import dns, { type LookupAllOptions } from 'node:dns'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { connectRaw, H2C, type RawConnection, requestText, WEBSOCKET } from '../support/raw-http.ts'
import { type RunningSockets, startSockets } from '../support/start-sockets.ts'

const EVENTS = ['close', 'data', 'drain', 'end', 'error', 'finish', 'pause', 'readable', 'resume', 'timeout']

/**
 * Opens a connection, and watches the server's socket. `listeners` returns how many listeners the socket has. `methods` returns
 * the socket's methods that add listeners.
 */
const connectWatched = async ({ app, port }: RunningSockets, isTls: boolean) => {
  const accepted = once(app.server, isTls ? 'secureConnection' : 'connection')
  const tls = { tls: true, rejectUnauthorized: false } as const
  const connection = await connectRaw({ host: '127.0.0.1', port, ...(isTls ? tls : {}) })
  const [socket] = (await accepted) as [Socket]
  const listeners = () => EVENTS.reduce((count, event) => count + socket.listenerCount(event), 0)
  return { connection, listeners, methods: () => [socket.on, socket.addListener, socket.prependListener] }
}

const expectOk = async (connection: RawConnection, text: string, times: number): Promise<void> => {
  connection.write(text.repeat(times))
  for (let at = 0; at < times; at++) expect((await connection.response()).status).toBe(200)
}

const OFFERS = {
  h2c: requestText('GET /plain', H2C),
  'an unknown protocol': requestText('GET /plain', { connection: 'upgrade', upgrade: 'x/1' }),
  'several protocols': requestText('GET /plain', { connection: 'upgrade', upgrade: 'h2c, websocket' }),
  'HTTP/2 in a request with a body': requestText(
    'POST /plain',
    {
      ...H2C,
      'content-type': 'application/json',
      'content-length': '2'
    },
    '{}'
  ),
  'a WebSocket in a request with a body': requestText(
    'POST /plain',
    {
      ...WEBSOCKET,
      'content-type': 'application/json',
      'content-length': '2'
    },
    '{}'
  )
}

test.for(Object.entries(OFFERS).flatMap(([name, text]) => [[name, text, false] as const, [name, text, true] as const]))(
  '%s leaves no listeners on the socket after a thousand requests (TLS: %$2)',
  async ([, text, isTls]) => {
    const running = await startSockets(isTls ? { server: { https: createCertificate() } } : {})
    const { connection, listeners, methods } = await connectWatched(running, isTls)
    await expectOk(connection, text, 1)
    const before = listeners()
    const methodsBefore = methods()
    // Sends single requests one after another, and then batches of 25 requests in one write.
    for (let round = 0; round < 20; round++) await expectOk(connection, text, 1)
    for (let round = 0; round < 40; round++) await expectOk(connection, text, 25)
    expect(listeners()).toBeLessThanOrEqual(before)
    expect(methods()).toEqual(methodsBefore)
  }
)

test('the chunked body of a request that offers HTTP/2 reaches the route', async () => {
  const { port } = await startSockets()
  const connection = await connectRaw({ host: '127.0.0.1', port })
  const headers = { ...H2C, 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  connection.write(requestText('POST /plain', headers, '6\r\n{"a":1\r\n'))
  connection.write('1\r\n}\r\n0\r\n\r\n')
  expect(await connection.response()).toMatchObject({ status: 200, body: '{"a":1}' })
})

test('a WebSocket request to another route gets the response of that route, and its connection is closed', async () => {
  const { port } = await startSockets()
  for (const [path, status] of [
    ['/plain', 200],
    ['/nowhere', 404],
    ['/ws/chat/nowhere', 404],
    ['/%zz', 400]
  ] as const) {
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.write(requestText(`GET ${path}`, WEBSOCKET))
    expect(await connection.response()).toMatchObject({ status })
    await connection.closed
  }
})

test('an upgrade request to the WebSocket route that opens no WebSocket is handled as a plain request', async () => {
  const { port } = await startSockets()
  for (const headers of [
    H2C,
    { ...WEBSOCKET, upgrade: 'h2c, websocket' },
    { ...WEBSOCKET, 'content-length': '0', upgrade: 'x' }
  ]) {
    const connection = await connectRaw({ host: '127.0.0.1', port })
    connection.write(requestText('GET /ws/chat', headers))
    expect(await connection.response()).toMatchObject({ status: 426 })
  }
  const old = await connectRaw({ host: '127.0.0.1', port })
  old.write(requestText('GET /ws/chat', WEBSOCKET).replace('HTTP/1.1', 'HTTP/1.0'))
  expect(await old.response()).toMatchObject({ status: 426 })
})

test('a WebSocket request that is pipelined behind an unfinished request waits for the response to that request, and is rejected', async () => {
  let finish = () => {}
  const { port } = await startSockets({
    before: app =>
      app.get(
        '/slow',
        () =>
          new Promise(resolve => {
            finish = () => resolve('slow')
          })
      )
  })
  const connection = await connectRaw({ host: '127.0.0.1', port })
  connection.write(requestText('GET /slow') + requestText('GET /ws/chat', WEBSOCKET))
  const other = await connectRaw({ host: '127.0.0.1', port })
  await expectOk(other, requestText('GET /plain'), 1)
  finish()
  expect(await connection.response()).toMatchObject({ status: 200, body: 'slow' })
  expect(await connection.response()).toMatchObject({ status: 426 })
  await connection.closed
})

test('the additional servers of localhost ignore upgrades that no handler accepts', async () => {
  const lookup = dns.lookup
  const addresses = ['127.0.0.1', '127.0.0.2'].map(address => ({ address, family: 4 }))
  // Fastify looks up all addresses of localhost, and creates an additional server for each address after the first.
  const lookupBoth = (host: string, options: LookupAllOptions, done: (error: null, found: object[]) => void): void =>
    host === 'localhost' && options.all ? done(null, addresses) : lookup(host, options, done as never)
  vi.spyOn(dns, 'lookup').mockImplementation(lookupBoth as never)
  onTestFinished(() => void vi.restoreAllMocks())
  const { app, port } = await startSockets({ listen: { host: 'localhost' } })
  expect(app.addresses()).toHaveLength(2)
  for (const { address: host } of addresses) {
    const connection = await connectRaw({ host, port })
    await expectOk(connection, requestText('GET /plain', H2C), 50)
    connection.write(requestText('GET /ws/chat', WEBSOCKET))
    expect((await connection.response()).status).toBe(101)
  }
})
