/**
 * Tests responses that clients do not read: the number of buffered bytes is bounded, and the connections are closed after a
 * timeout.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encrypt, parseKey } from '../../src/crypto/fernet.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { startChat } from '../support/start-chat.ts'

/**
 * Maximum number of bytes buffered for a connection: a batch of messages, the stream's buffer, and the chunk that is being
 * written.
 */
const MAX_BYTES = 256 * 1024
const HISTORY = '/api/chat/messages?limit=1000'

/**
 * Starts a chat whose room `general` has 1,000 messages of 16 KB. The 16 MB in total are more than the socket buffers can hold.
 */
const start = async () => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock, settings: { readRateLimit: 0 } })
  const { schema, client } = chat.database
  const john = await chat.register('john')
  await client.query(
    `insert into "${schema}".messages (room_id, seq, user_id, kind, content, write_id, created_at)
      select rooms.id, at, $1, 'message', $2, at::text, now()
      from "${schema}".rooms, generate_series(1, 1000) as at where name = 'general'`,
    [john.id, encrypt(parseKey(ENCRYPTION_KEY), '🌊'.repeat(4000), { now: 0 })]
  )
  await client.query(`update "${schema}".rooms set last_seq = 1000`)

  const accepted: Socket[] = []
  chat.server.server.on('connection', socket => accepted.push(socket))
  const port = Number(new URL(chat.url).port)
  /** Opens a connection, sends a request `times` times in one write, and does not read the responses. */
  const sendUnread = async (path: string, { token = '', times = 1, version = '1.1' } = {}) => {
    const socket = connect(port, '127.0.0.1').pause()
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const head = `GET ${path} HTTP/${version}\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`
    socket.write(head.repeat(times))
    return socket
  }
  /** Returns the number of bytes that this process buffers for a connection. */
  const buffered = (socket: Socket): number => {
    const { _httpMessage: message } = socket as unknown as { _httpMessage?: { writableLength: number } | null }
    return Math.max(socket.writableLength, message?.writableLength ?? 0)
  }
  return { ...chat, clock, john, sendUnread, accepted, buffered }
}

/** Resolves when `count` sockets have buffered bytes and the service cannot write more to any of them. */
const untilStalled = async (accepted: readonly Socket[], buffered: (socket: Socket) => number, count: number) => {
  let before = ''
  const isStalled = async () => {
    const now = JSON.stringify(accepted.map(socket => [socket.bytesWritten, buffered(socket)]))
    const isSame = now === before
    before = now
    return isSame && accepted.filter(socket => buffered(socket) > 0).length === count
  }
  await expect.poll(isStalled).toBe(true)
}

/** Advances a clock in steps of one second, with a turn of the event loop after each step. */
const advance = async (clock: FakeClock, seconds: number) => {
  for (let at = 0; at < seconds; at++) {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
}

describe('a response that is not read', () => {
  test('is buffered up to a limit per connection, and the connection is closed after a timeout', async () => {
    const { sendUnread, register, john, accepted, buffered, clock, log } = await start()
    const [jane, jack] = [await register('jane'), await register('jack')]
    accepted.length = 0
    const sends = [john, john, john, jane, jane].map(({ token }) => sendUnread(HISTORY, { token }))
    await Promise.all([...sends, sendUnread(HISTORY, { token: jack.token, times: 20 })])
    await untilStalled(accepted, buffered, 6)
    for (let look = 0; look < 20; look++) {
      await new Promise(setImmediate)
      for (const socket of accepted) expect(buffered(socket)).toBeLessThan(MAX_BYTES)
    }
    await advance(clock, 29)
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual(Array(6).fill(false))
    await advance(clock, 5)
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual(Array(6).fill(true))
    expect(log()).toMatch(/whose client did not read the response/)
  })

  test('closes its connection also for a static document and with HTTP/1.0', async () => {
    const { sendUnread, john, accepted, buffered, clock } = await start()
    accepted.length = 0
    await sendUnread('/redoc/redoc.standalone.js', { times: 20 })
    await sendUnread('/openapi.json', { times: 100 })
    await sendUnread(HISTORY, { token: john.token, version: '1.0' })
    await untilStalled(accepted, buffered, 3)
    for (const socket of accepted) expect(buffered(socket)).toBeLessThan(MAX_BYTES)
    await advance(clock, 35)
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([true, true, true])
  })

  test('closes its connection also when the client reads a few bytes at a time', async () => {
    const { sendUnread, john, accepted, buffered, clock } = await start()
    accepted.length = 0
    const client = await sendUnread(HISTORY, { token: john.token })
    await untilStalled(accepted, buffered, 1)
    for (let second = 0; second < 35; second++) {
      client.read(1)
      await advance(clock, 1)
    }
    expect(accepted[0]?.destroyed).toBe(true)
  })
})

test('the connection of a client that reads slowly stays open until the complete response has arrived', async () => {
  const { sendUnread, john, accepted, clock } = await start()
  accepted.length = 0
  const client = await sendUnread(HISTORY, { token: john.token, version: '1.0' })
  let text = ''
  client.setEncoding('utf8')
  client.on('data', data => {
    text += data
    // Simulates that the client needs half a second to read each chunk.
    clock.advance(500)
  })
  client.resume()
  await once(client, 'end')
  expect(JSON.parse(text.slice(text.indexOf('[')))).toHaveLength(1000)
})

test('the connection of a client that closed its side is closed', async () => {
  const { sendUnread, john, accepted, clock } = await start()
  accepted.length = 0
  const client = await sendUnread(HISTORY, { token: john.token })
  client.end()
  await advance(clock, 40)
  await expect.poll(() => accepted[0]?.destroyed).toBe(true)
})

test('it rejects further requests of a user within seconds while the user reads no responses', async () => {
  const { sendUnread, call, server, john, accepted, buffered, clock } = await start()
  accepted.length = 0
  for (let at = 0; at < 8; at++) await sendUnread(HISTORY, { token: john.token })
  await untilStalled(accepted, buffered, 8)
  const arrived = once(server.server, 'request')
  const ninth = call('GET', '/api/users/me', { token: john.token })
  await arrived
  // Waits until the request has been authenticated and queued. This takes only turns of the event loop, so the clock does not
  // advance.
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  await advance(clock, 6)
  expect((await ninth).status).toBe(429)
})
