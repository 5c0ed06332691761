import { createConnection } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { fakeClock } from '../support/clock.ts'
import { connect } from '../support/socket-client.ts'
import { startChat } from '../support/start-chat.ts'

const socketUrl = (url: string): string => `${url.replace('http', 'ws')}/ws/chat`

describe('connecting', () => {
  test('begins with a system frame that contains the user, the limits and the expiry', async () => {
    const { register, join } = await startChat()
    const john = await register('john')
    const { first } = await join(john)
    expect(first).toMatchObject({
      type: 'system',
      event: 'connected',
      message: 'Connected as john',
      user_id: john.id,
      username: 'john',
      server_time: expect.stringMatching(/\+00:00$/),
      expires_at: expect.stringMatching(/\+00:00$/),
      ping_interval_ms: 25_000,
      limits: { max_message_length: 4000, max_meta_bytes: 2048, max_frame_bytes: 56_192 }
    })
  })

  test.for([
    ['the query', (token: string) => ({ query: `?token=${token}` }), ''],
    ['the header', (token: string) => ({ headers: { authorization: `Bearer ${token}` } }), ''],
    ['a subprotocol', (token: string) => ({ protocols: ['bearer', token] }), 'bearer'],
    ['a subprotocol after chat.v1', (token: string) => ({ protocols: ['chat.v1', 'bearer', token] }), 'chat.v1'],
    ['the query with chat.v1', (token: string) => ({ query: `?token=${token}`, protocols: ['chat.v1'] }), 'chat.v1']
  ] as const)('takes the token from %s', async ([, how, protocol]) => {
    const { register, url } = await startChat()
    const { token } = await register('john')
    const { query = '', ...options } = how(token) as { query?: string; protocols?: string[] }
    const client = await connect(socketUrl(url) + query, options)
    expect(await client.next()).toMatchObject({ message: 'Connected as john' })
    expect(client.socket.protocol).toBe(protocol)
  })

  test('is rejected with 401 without a valid token', async () => {
    const { url } = await startChat()
    await expect(connect(socketUrl(url))).rejects.toThrow('401')
    await expect(connect(`${socketUrl(url)}?token=nonsense`)).rejects.toThrow('401')
  })

  test.for([
    ['https://evil.example', 403],
    ['null', 403],
    ['https://app.example', 101],
    ['https://public.example', 101],
    ['own', 101]
  ] as const)('from the origin %s returns %i', async ([origin, status]) => {
    const { register, url } = await startChat({
      settings: { corsOrigins: ['https://app.example'], publicUrl: 'https://public.example/chat' }
    })
    const { token } = await register('john')
    const attempt = connect(`${socketUrl(url)}?token=${token}`, {
      headers: { origin: origin === 'own' ? url : origin }
    })
    if (status === 101) expect(await (await attempt).next()).toMatchObject({ event: 'connected' })
    else await expect(attempt).rejects.toThrow(String(status))
  })

  test('returns 426 for a plain request', async () => {
    const { register, call } = await startChat()
    const { token } = await register('john')
    expect(await call('GET', '/ws/chat', { token })).toMatchObject({ status: 426, body: { code: 'upgrade_required' } })
  })

  test('loses no frame that arrived before authentication had finished', async () => {
    const { register, join, url } = await startChat()
    const john = await register('john')
    const listener = await join(john)
    const { hostname, port } = new URL(url)
    const tcp = createConnection({ host: hostname, port: Number(port) })
    const payload = Buffer.from('{"type":"message","content":"early"}')
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
    const head = [
      `GET /ws/chat?token=${john.token} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    ].join('\r\n')
    tcp.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), frame]))
    expect(await listener.nextOf('message')).toMatchObject({ content: 'early' })
    tcp.destroy()
  })
})

describe('a chat', () => {
  test('delivers a message to all connected clients, including the sender', async () => {
    const { register, join } = await startChat()
    const [john, jane] = [await register('john'), await register('jane')]
    const [one, two] = [await join(john), await join(jane)]
    one.send({ type: 'message', content: 'Hello, world!' })
    const expected = {
      type: 'message',
      id: expect.any(Number),
      room: 'general',
      seq: 1,
      user_id: john.id,
      username: 'john',
      content: 'Hello, world!',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
    }
    expect(await one.nextOf('message')).toEqual(expected)
    expect(await two.nextOf('message')).toEqual(expected)
  })

  test('reports that a user joined and left once, regardless of the number of connections', async () => {
    const { register, join } = await startChat()
    const [john, jane] = [await register('john'), await register('jane')]
    const watching = await join(john)
    const first = await join(jane)
    const second = await join(jane)
    expect(await watching.untilPong()).toMatchObject([
      { type: 'system', event: 'joined', message: 'jane joined the chat', user_id: jane.id, username: 'jane' }
    ])
    await first.close()
    expect(await watching.untilPong()).toEqual([])
    await second.close()
    expect(await watching.nextOf('system')).toMatchObject({ event: 'left', message: 'jane left the chat' })
  })

  test('delivers a message to all connections of a user', async () => {
    const { register, join } = await startChat()
    const john = await register('john')
    const clients = [await join(john), await join(john), await join(john)]
    clients[0]?.send({ type: 'message', content: 'to all of me' })
    for (const client of clients) expect(await client.nextOf('message')).toMatchObject({ content: 'to all of me' })
  })

  test('keeps the order of a client’s messages', async () => {
    const { register, join } = await startChat({ settings: { messageRateLimit: 0 } })
    const client = await join(await register('john'))
    for (let at = 0; at < 200; at++) client.send({ type: 'message', content: String(at) })
    const frames = []
    for (let at = 0; at < 200; at++) frames.push(await client.nextOf('message'))
    expect(frames.map(({ content }) => content)).toEqual(Array.from({ length: 200 }, (_, at) => String(at)))
    expect(frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1))
  })

  test('acknowledges a message with a nonce or a ref before it delivers the message', async () => {
    const { register, join } = await startChat()
    const client = await join(await register('john'))
    client.send({ type: 'message', content: 'x', nonce: 'n1', ref: 'r1' })
    const ack = await client.next()
    expect(ack).toEqual({
      type: 'ack',
      nonce: 'n1',
      ref: 'r1',
      id: expect.any(Number),
      room: 'general',
      seq: 1,
      timestamp: expect.any(String)
    })
    expect(await client.next()).toMatchObject({ type: 'message', nonce: 'n1', seq: 1, timestamp: ack.timestamp })
    client.send({ type: 'message', content: 'y' })
    expect(await client.next()).toMatchObject({ type: 'message', seq: 2 })
  })

  test('stores a nonce once, acknowledges the same message again, and rejects another message', async () => {
    const { register, join } = await startChat()
    const john = await register('john')
    const [one, two] = [await join(john), await join(john)]
    one.send({ type: 'message', content: 'once', nonce: 'n1', meta: { a: 1 } })
    const { ref: _, ...ack } = await one.nextOf('ack')
    two.send({ type: 'message', content: 'once', nonce: 'n1', meta: { a: 1 }, ref: 'again' })
    expect(await two.nextOf('ack')).toEqual({ ...ack, ref: 'again' })
    two.send({ type: 'message', content: 'other', nonce: 'n1', meta: { a: 1 } })
    expect(await two.next()).toMatchObject({ type: 'error', code: 'nonce_reused', nonce: 'n1', room: 'general' })
    two.send({ type: 'message', content: 'once', nonce: 'n1', meta: { a: 2 } })
    expect(await two.next()).toMatchObject({ type: 'error', code: 'nonce_reused' })
    expect((await one.untilPong()).filter(({ type }) => type === 'message')).toHaveLength(1)
  })

  test('stores the same nonce of another user as another message', async () => {
    const { register, join } = await startChat()
    const [one, two] = [await join(await register('john')), await join(await register('jane'))]
    one.send({ type: 'message', content: 'a', nonce: 'n' })
    await one.nextOf('ack')
    two.send({ type: 'message', content: 'b', nonce: 'n' })
    expect(await two.nextOf('ack')).toMatchObject({ seq: 2 })
  })
})

describe('an invalid frame', () => {
  test.for([
    ['nonsense', 'invalid_frame'],
    ['{"type":"message"}', 'invalid_frame'],
    ['{"type":"message","content":"  "}', 'invalid_frame'],
    ['{"type":"message","content":"x","room":"nowhere"}', 'room_not_found'],
    [`{"type":"message","content":"${'x'.repeat(4001)}"}`, 'message_too_long'],
    [`{"type":"message","content":"x","meta":{"a":"${'x'.repeat(2048)}"}}`, 'invalid_frame']
  ] as const)('gets an error and does not close the connection: %s', async ([frame, code]) => {
    const { register, join } = await startChat()
    const client = await join(await register('john'))
    client.send(frame)
    expect(await client.next()).toMatchObject({ type: 'error', code, detail: expect.any(String) })
    client.send({ type: 'message', content: 'still here' })
    expect(await client.nextOf('message')).toMatchObject({ content: 'still here', seq: 1 })
  })

  test('that is binary gets an error', async () => {
    const { register, join } = await startChat()
    const client = await join(await register('john'))
    client.socket.send(Buffer.from('{"type":"ping"}'))
    expect(await client.next()).toMatchObject({ type: 'error', code: 'invalid_frame' })
  })

  test('of an unknown type gets an error, unless the type contains a dot', async () => {
    const { register, join } = await startChat()
    const client = await join(await register('john'))
    client.send({ type: 'app.custom', content: 'x' })
    expect(await client.untilPong()).toEqual([])
    client.send({ type: 'nope', ref: '1' })
    expect(await client.next()).toMatchObject({ type: 'error', code: 'unknown_frame', ref: '1' })
  })

  test('that is too large closes the connection with 1009, and does not affect other clients', async () => {
    const { register, join } = await startChat()
    const [one, two] = [await join(await register('john')), await join(await register('jane'))]
    one.send(`{"type":"message","content":"${'x'.repeat(60_000)}"}`)
    expect(await one.closed).toMatchObject({ code: 1009 })
    two.send({ type: 'message', content: 'fine' })
    expect(await two.nextOf('message')).toMatchObject({ content: 'fine' })
  })

  test('is not reported for a message of the maximum length, even if all characters are escaped', async () => {
    const { register, join } = await startChat()
    const client = await join(await register('john'))
    client.send(`{"type":"message","content":"${'\\ud83d\\ude00'.repeat(4000)}"}`)
    expect((await client.nextOf('message')).content).toBe('😀'.repeat(4000))
  })
})

describe('the limits', () => {
  test('allow a burst of 30 messages, and then reject messages with the time to wait', async () => {
    const { register, join, log } = await startChat({ clock: fakeClock() })
    const client = await join(await register('john'))
    for (let at = 0; at < 31; at++) client.send({ type: 'message', content: 'x', ref: String(at) })
    const error = await client.nextOf('error')
    expect(error).toMatchObject({ code: 'rate_limited', ref: '30', retry_after_ms: 100 })
    expect(log()).toMatch(/"level":40.*"rate_limited".*a limit rejected/)
  })

  test('apply per user, and are not reset by a new connection', async () => {
    const { register, join } = await startChat({ clock: fakeClock() })
    const john = await register('john')
    let acknowledged = 0
    for (let connection = 0; connection < 3; connection++) {
      const client = await join(john)
      for (let at = 0; at < 20; at++) client.send({ type: 'message', content: `${at}`, ref: `${at}` })
      const frames = await client.untilPong()
      acknowledged += frames.filter(({ type }) => type === 'ack').length
      // Acks of the last batch may arrive after the pong.
      while (frames.filter(({ type }) => type === 'ack' || type === 'error').length < 20) {
        const frame = await client.next()
        frames.push(frame)
        if (frame.type === 'ack') acknowledged++
      }
      await client.close()
    }
    expect(acknowledged).toBe(30)
  })

  test('close the connection of a flooding client with 4129', async () => {
    const { register, join } = await startChat({ clock: fakeClock() })
    const client = await join(await register('john'))
    for (let at = 0; at < 300; at++) client.send('flood')
    expect(await client.closed).toMatchObject({ code: 4129, reason: 'flooding' })
  })

  test('reject the newest connection of a user with 4109', async () => {
    const { register, join } = await startChat({ settings: { connectionsPerUser: 2 } })
    const john = await register('john')
    const [one] = [await join(john), await join(john)]
    const third = await join(john)
    expect(third.first).toMatchObject({ type: 'error', code: 'too_many_connections', retry_after_ms: 5000 })
    expect(await third.closed).toMatchObject({ code: 4109 })
    expect(await one.untilPong()).toEqual([])
    await one.close()
    expect((await join(john)).first).toMatchObject({ event: 'connected' })
  })

  test('reject the newest connection of an IP address with 4109', async () => {
    const { register, join } = await startChat({ settings: { connectionsPerIp: 1 } })
    await join(await register('john'))
    const second = await join(await register('jane'))
    expect(await second.closed).toMatchObject({ code: 4109 })
  })

  test('reject messages with busy while the append queue is full', async () => {
    const { register, join } = await startChat({ appendQueue: { maxQueue: 1 }, settings: { messageRateLimit: 0 } })
    const client = await join(await register('john'))
    for (let at = 0; at < 50; at++) client.send({ type: 'message', content: `m${at}`, nonce: `n${at}` })
    expect(await client.nextOf('error')).toMatchObject({ code: 'busy', retry_after_ms: expect.any(Number) })
  })
})

describe('the lifetime of a connection', () => {
  test('ends with 4401 when the token of a chat.v1 connection expires', async () => {
    const clock = fakeClock()
    const { register, join } = await startChat({ clock })
    const client = await join(await register('john'), { protocols: ['chat.v1'] })
    for (let at = 0; at < 3 * 30 - 1; at++) {
      clock.advance(20_000)
      await client.untilPong()
    }
    clock.advance(20_000)
    expect(await client.closed).toMatchObject({ code: 4401, reason: 'token expired or revoked' })
  })

  test('exceeds that of the token without the subprotocol chat.v1', async () => {
    const clock = fakeClock()
    const { register, join, settings } = await startChat({ clock, settings: { accessTokenExpireMinutes: 1 } })
    const client = await join(await register('john'))
    for (let at = 0; at < 6; at++) {
      clock.advance(20_000)
      await client.untilPong()
    }
    expect(settings.accessTokenExpireMinutes).toBe(1)
    client.send({ type: 'message', content: 'still here' })
    expect(await client.nextOf('message')).toMatchObject({ content: 'still here' })
  })

  test('ends with the token without the subprotocol if LEGACY_SOCKET_HOURS is 0', async () => {
    const clock = fakeClock()
    const { register, join } = await startChat({
      clock,
      settings: { accessTokenExpireMinutes: 1, legacySocketHours: 0 }
    })
    const client = await join(await register('john'))
    for (let at = 0; at < 2; at++) {
      clock.advance(20_000)
      await client.untilPong()
    }
    clock.advance(20_000)
    expect(await client.closed).toMatchObject({ code: 4401 })
  })

  test('is extended with a new token of the same user, and not of another user', async () => {
    const clock = fakeClock()
    const { register, join, call } = await startChat({ clock, settings: { accessTokenExpireMinutes: 1 } })
    const [john, jane] = [await register('john'), await register('jane')]
    const client = await join(john, { protocols: ['chat.v1'] })
    clock.advance(40_000)
    await client.untilPong()
    const { body } = await call('POST', '/api/auth/login', { body: { username: 'john', password: 'SecurePass123' } })
    client.send({ type: 'auth', token: jane.token, ref: 'a' })
    expect(await client.next()).toMatchObject({ type: 'error', code: 'wrong_user', ref: 'a' })
    client.send({ type: 'auth', token: 'nonsense', ref: 'b' })
    expect(await client.next()).toMatchObject({ type: 'error', code: 'invalid_token', ref: 'b' })
    client.send({ type: 'auth', token: body.access_token, ref: 'c' })
    expect(await client.next()).toMatchObject({ type: 'authenticated', ref: 'c', expires_at: expect.any(String) })
    clock.advance(40_000)
    expect(await client.untilPong()).toEqual([])
    expect(await client.nextOf('heads')).toEqual({ type: 'heads', rooms: { general: 0 } })
  })

  test('ends if the client does not respond to a ping, which is sent every 25 s', async () => {
    const clock = fakeClock()
    const { register, url } = await startChat({ clock })
    const { token } = await register('john')
    const silent = await connect(`${socketUrl(url)}?token=${token}`, { autoPong: false })
    const pinged = new Promise(resolve => silent.socket.once('ping', resolve))
    await silent.next()
    clock.advance(26_000)
    await pinged
    expect(silent.socket.readyState).toBe(WebSocket.OPEN)
    clock.advance(26_000)
    expect(await silent.closed).toMatchObject({ code: 1006 })
  })
})

describe('a shutdown', () => {
  test('makes the service unready, closes all connections with 1012, and does not wait for a silent client', async () => {
    const { register, join, server, url } = await startChat()
    const client = await join(await register('john'))
    const stuck = await join(await register('jane'))
    stuck.socket.pause()
    const stopped = server.close()
    expect(await client.closed).toMatchObject({ code: 1012, reason: 'service restart' })
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
    await stopped
    await expect(fetch(`${url}/health/ready`)).rejects.toThrow()
  })

  test.for(['/ws/chat?token=bad', '/ws/chat/nowhere', '/nowhere', '/%zz'])(
    'does not wait for the socket of an upgrade that was rejected on %s',
    async path => {
      const { server, url } = await startChat()
      await expect(connect(url.replace('http', 'ws') + path)).rejects.toThrow(/40[014]/)
      await server.close()
    }
  )

  test.for([
    ['a silent connection', ''],
    [
      'half a request',
      'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{'
    ],
    ['a rejected upgrade', 'GET /ws/chat HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n']
  ] as const)('is not delayed by %s', async ([, text]) => {
    const { server, url } = await startChat()
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await new Promise(resolve => socket.once('connect', resolve))
    const closed = new Promise(resolve => socket.once('close', resolve))
    socket.write(text)
    await fetch(`${url}/health/live`)
    await Promise.all([server.close(), closed])
  })

  test('serves health, and responds with 503 problem documents to all other requests', async () => {
    const { register, join, server, call } = await startChat()
    const stuck = await join(await register('jane'))
    stuck.socket.pause()
    const stopped = server.close()
    await new Promise(setImmediate)
    const ready = await call('GET', '/health/ready')
    expect(ready).toMatchObject({ status: 503, body: { status: 'unhealthy', checks: { serving: 'stopping' } } })
    const refused = await call('GET', '/api/users/me')
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable', status: 503 } })
    expect((await call('GET', '/health/live')).status).toBe(200)
    await stopped
  })

  test('commits and acknowledges messages that were sent before it', async () => {
    const { register, join, server, database } = await startChat()
    const client = await join(await register('john'))
    for (let at = 0; at < 20; at++) client.send({ type: 'message', content: `m${at}`, ref: String(at) })
    await client.nextOf('ack')
    await server.close()
    const { code } = await client.closed
    expect(code).toBe(1012)
    const room = await database.rooms.findByName('general')
    expect(room?.lastSeq).toBeGreaterThanOrEqual(1)
    expect(WebSocket.CLOSED).toBe(client.socket.readyState)
  })
})
