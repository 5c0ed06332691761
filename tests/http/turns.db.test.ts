/** Tests pipelined requests: the service handles them one at a time and in order, and they don't delay other clients. */
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

test('ten thousand pipelined requests are answered in order, and read from the connection as they are', async () => {
  const { server, open, get, accepted } = await start()
  let running = 0
  let most = 0
  let begun = 0
  server.server.on('request', (_, response) => {
    begun++
    response.once('close', () => begun--)
  })
  const socket = await open()
  const many = Array.from({ length: 10_000 }, (_, at) => get(`/nowhere/${at}`)).join('')
  const answer = textOf(socket)
  socket.write(many + get('/health/live', 'connection: close\r\n'))
  const watching = setInterval(() => {
    running = begun
    most = Math.max(most, running)
  }, 1)
  const text = await answer
  clearInterval(watching)
  const paths = [...text.matchAll(/\/nowhere\/(\d+)/g)].map(([, at]) => Number(at))
  expect(paths).toEqual(Array.from({ length: 10_000 }, (_, at) => at))
  expect(text).toMatch(/HTTP\/1\.1 200 OK/)
  // At most the requests that one read from the socket contains.
  expect(most).toBeLessThan(2000)
  expect(accepted).toHaveLength(1)
}, 300_000)

test('a turn of the loop begins one request of a connection', async () => {
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
  const answer = textOf(socket)
  socket.write(get('/health/live').repeat(20) + get('/health/live', 'connection: close\r\n'))
  await answer
  isDone = true
  expect(new Set(begun).size).toBe(21)
})

test('a request is routed in its turn, not when its packet is parsed', async () => {
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
  const answer = textOf(socket)
  count(routings())
  socket.write(get('/health/live').repeat(20) + get('/health/live', 'connection: close\r\n'))
  await answer
  isDone = true
  expect(routed.reduce((sum, ofTurn) => sum + ofTurn, 0)).toBe(21)
  expect(Math.max(...routed)).toBe(1)
})

test('a connection with many requests that wait is not read from, however small they are', async () => {
  const { server, open } = await start()
  let waiting = 0
  let most = 0
  let ended = 0
  const enough = new Promise<void>(resolve =>
    server.server.prependListener('request', (_, response) => {
      most = Math.max(most, ++waiting)
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
  // At most the requests that one read from the socket contains, and a few more.
  expect(most).toBeLessThan(2100)
}, 120_000)

test('a connection that breaks while its requests wait keeps no place of its user', async () => {
  const { call, open, get, token } = await start()
  for (let at = 0; at < 12; at++) {
    const socket = await open()
    socket.write(get('/api/chat/messages').repeat(20))
    await once(socket, 'data')
    socket.resetAndDestroy()
  }
  for (let at = 0; at < 20; at++) expect((await call('GET', '/api/users/me', { token })).status).toBe(200)
})

test('a request with a body, pipelined behind others, is read whole', async () => {
  const { open, get, token } = await start()
  const socket = await open()
  const answer = textOf(socket)
  const body = JSON.stringify({ content: 'x'.repeat(3000) })
  const post = `POST /api/chat/rooms/general/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  socket.write(get('/health/live').repeat(30) + post + get('/health/live', 'connection: close\r\n'))
  const text = await answer
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array(30).fill('HTTP/1.1 200'), 'HTTP/1.1 201', 'HTTP/1.1 200'])
})
