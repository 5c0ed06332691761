/** Tests that pipelined requests are handled one at a time and in order, and that they do not delay other clients. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'

const start = async () => {
  const chat = await startChat({ settings: { readRateLimit: 0 } })
  const { token } = await chat.register('john')
  const accepted: Socket[] = []
  chat.server.server.on('connection', socket => accepted.push(socket))
  const open = async () => {
    const socket = connect(Number(new URL(chat.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const get = (path: string, more = '') =>
    `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${more}\r\n`
  return { ...chat, token, accepted, open, get }
}

const textOf = async (socket: Socket): Promise<string> => {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', data => {
    text += data
  })
  await once(socket, 'close')
  return text
}

test('ten thousand pipelined requests get their responses in order, and reads are paused meanwhile', async () => {
  const { server, open, get, accepted } = await start()
  let running = 0
  let maximum = 0
  let begun = 0
  server.server.on('request', (_, response) => {
    begun++
    response.once('close', () => begun--)
  })
  const socket = await open()
  const many = Array.from({ length: 10_000 }, (_, at) => get(`/nowhere/${at}`)).join('')
  const responses = textOf(socket)
  socket.write(many + get('/health/live', 'connection: close\r\n'))
  const watching = setInterval(() => {
    running = begun
    maximum = Math.max(maximum, running)
  }, 1)
  const text = await responses
  clearInterval(watching)
  const paths = [...text.matchAll(/\/nowhere\/(\d+)/g)].map(([, at]) => Number(at))
  expect(paths).toEqual(Array.from({ length: 10_000 }, (_, at) => at))
  expect(text).toMatch(/HTTP\/1\.1 200 OK/)
  // The service pauses reads from the connection while more than 16 requests are queued. The queue can exceed 16 only by the
  // requests of the last read.
  expect(maximum).toBeLessThan(2000)
  expect(accepted).toHaveLength(1)
}, 300_000)

test('only one request of a connection starts per turn of the event loop', async () => {
  const { server, open, get } = await start()
  const begun: number[] = []
  let turn = 0
  let isDone = false
  const count = () =>
    setImmediate(() => {
      turn++
      if (!isDone) count()
    })
  count()
  server.server.on('request', (_, response) => response.once('finish', () => begun.push(turn)))
  const socket = await open()
  const responses = textOf(socket)
  socket.write(get('/health/live').repeat(20) + get('/health/live', 'connection: close\r\n'))
  await responses
  isDone = true
  expect(new Set(begun).size).toBe(21)
})

test('a pipelined request is routed when its turn comes, not when it is parsed', async () => {
  const { open, get, log } = await start()
  const routed: number[] = []
  const routings = (): number => log().split('incoming request').length
  let isDone = false
  const count = (before: number) =>
    setImmediate(() => {
      const now = routings()
      routed.push(now - before)
      if (!isDone) count(now)
    })
  const socket = await open()
  const responses = textOf(socket)
  count(routings())
  socket.write(get('/health/live').repeat(20) + get('/health/live', 'connection: close\r\n'))
  await responses
  isDone = true
  expect(routed.reduce((sum, ofTurn) => sum + ofTurn, 0)).toBe(21)
  expect(Math.max(...routed)).toBe(1)
})

test('reads from a connection are paused while many small requests are queued', async () => {
  const { server, open } = await start()
  let waiting = 0
  let maximum = 0
  let ended = 0
  const enough = new Promise<void>(resolve =>
    server.server.prependListener('request', (_, response) => {
      maximum = Math.max(maximum, ++waiting)
      response.once('close', () => {
        waiting--
        if (++ended === 20_000) resolve()
      })
    })
  )
  const socket = await open()
  socket.resume()
  const batch = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100)
  const write = (): void => {
    while (!socket.destroyed && socket.write(batch));
    socket.once('drain', write)
  }
  write()
  await enough
  socket.destroy()
  // The service pauses reads from the connection while more than 16 requests are queued. The queue can exceed 16 only by the
  // requests of the last read.
  expect(maximum).toBeLessThan(2100)
}, 120_000)

test('a connection that is reset while its requests are queued does not count towards the limit of its user', async () => {
  const { call, open, get, token } = await start()
  for (let at = 0; at < 12; at++) {
    const socket = await open()
    socket.write(get('/api/chat/messages').repeat(20))
    await once(socket, 'data')
    socket.resetAndDestroy()
  }
  for (let at = 0; at < 20; at++) expect((await call('GET', '/api/users/me', { token })).status).toBe(200)
})

test('the complete body of a request that is pipelined behind others is read', async () => {
  const { open, get, token } = await start()
  const socket = await open()
  const responses = textOf(socket)
  const body = JSON.stringify({ content: 'x'.repeat(3000) })
  const post = `POST /api/chat/rooms/general/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  socket.write(get('/health/live').repeat(30) + post + get('/health/live', 'connection: close\r\n'))
  const text = await responses
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array(30).fill('HTTP/1.1 200'), 'HTTP/1.1 201', 'HTTP/1.1 200'])
})
