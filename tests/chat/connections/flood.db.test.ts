/** Tests that a client that sends too many frames of any kind is disconnected, and that other clients are not affected. */
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import { CLOSE } from '../../../src/protocol/close-codes.ts'
import { fakeClock } from '../../support/clock.ts'
import { testDatabase } from '../../support/database.ts'
import type { Frame, SocketClient } from '../../support/socket-client.ts'
import { startChat } from '../../support/start-chat.ts'

const start = async (options: Parameters<typeof startChat>[0] = {}) => {
  const chat = await startChat({ clock: fakeClock(), ...options })
  const [john, jane] = [await chat.register('john'), await chat.register('jane')]
  return { ...chat, john, jane, flooder: await chat.join(john), other: await chat.join(jane) }
}

const repeat = (count: number, work: () => void): void => {
  for (let at = 0; at < count; at++) work()
}

/** Returns the bytes of a client's WebSocket frame. `head` is the first byte of the frame. The masking key is all zeros. */
const frame = (head: number, payload = ''): Buffer =>
  Buffer.concat([Buffer.from([head, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)])

/** Writes bytes directly to the TCP socket, in one write. */
const writeRaw = ({ socket }: SocketClient, bytes: Buffer): void => {
  const { _socket } = socket as unknown as { _socket: Socket }
  _socket.write(bytes)
}

describe('a client that floods', () => {
  test.for<[string, (client: SocketClient) => void]>([
    ['pongs', ({ socket }) => repeat(1000, () => socket.pong())],
    ['pings', ({ socket }) => repeat(1000, () => socket.ping())],
    ['empty frames', ({ socket }) => repeat(1000, () => socket.send(''))],
    ['binary frames', ({ socket }) => repeat(1000, () => socket.send(Buffer.from('x')))],
    ['frames of the host application', client => repeat(1000, () => client.send({ type: 'app.poke' }))],
    ['tokens', client => repeat(50, () => client.send({ type: 'auth', token: 'x' }))],
    [
      'long frames other than messages',
      client => repeat(100, () => client.send({ type: 'ping', x: 'x'.repeat(50_000) }))
    ],
    [
      'pongs in one segment',
      client => writeRaw(client, Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x8a))))
    ],
    [
      'frames cut into single bytes',
      client =>
        repeat(300, () => {
          const bytes = [frame(0x01, '{'), ...Array.from({ length: 1000 }, () => frame(0x00)), frame(0x80, '}')]
          writeRaw(client, Buffer.concat(bytes))
        })
    ]
  ])('%s is closed with 4129, and other clients are not affected', async ([, flood]) => {
    const { flooder, other } = await start()
    flooder.socket.on('error', () => {})
    flood(flooder)
    other.send({ type: 'message', content: 'still here', ref: '1' })
    expect(await other.nextOf('ack')).toMatchObject({ ref: '1' })
    expect(await flooder.closed).toMatchObject({ code: 4129 })
  })

  test('with a frame of too many fragments is closed', async () => {
    const { flooder, other } = await start()
    flooder.socket.on('error', () => {})
    repeat(2000, () => flooder.socket.send('', { fin: false }))
    expect(await flooder.closed).toMatchObject({ code: 1008 })
    expect(await other.untilPong()).toEqual([])
  })

  test('with a frame that arrives in too many fragments is closed', async () => {
    const { flooder, other } = await start()
    flooder.socket.on('error', () => {})
    // Sends the header of a frame of 50,000 bytes, and then the payload one byte at a time.
    writeRaw(flooder, Buffer.from([0x81, 0x80 | 126, 0xc3, 0x50, 0, 0, 0, 0]))
    for (let at = 0; at < 20_000 && flooder.socket.readyState === 1; at++) {
      writeRaw(flooder, Buffer.from('x'))
      await new Promise(setImmediate)
    }
    expect(await flooder.closed).toMatchObject({ code: 1008 })
    expect(await other.untilPong()).toEqual([])
  })

  test('during the closing handshake is terminated', async () => {
    const { join, john } = await start({ settings: { connectionsPerUser: 1 } })
    const refused = await join(john)
    refused.socket.on('error', () => {})
    const { _socket } = refused.socket as unknown as { _socket: Socket }
    // The client does not read the close frame, so it does not complete the closing handshake.
    _socket.pause()
    const ended = new Promise(resolve => _socket.once('close', resolve))
    repeat(1000, () => refused.socket.pong())
    _socket.resume()
    await ended
  })
})

describe('a client that violates the WebSocket protocol', () => {
  test.for<[string, Buffer, number]>([
    ['with reserved bits', frame(0xf1, 'x'), 1002],
    ['with text that is not UTF-8', Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]), 1007],
    ['in too many fragments', Buffer.concat([frame(0x01), ...Array.from({ length: 2000 }, () => frame(0x00))]), 1008],
    ['that is too big', Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0]), 1009]
  ])('with a frame %s is closed with a code of the catalog', async ([, bytes, code]) => {
    const { flooder, other } = await start()
    flooder.socket.on('error', () => {})
    writeRaw(flooder, bytes)
    expect(await flooder.closed).toMatchObject({ code })
    expect(Object.values(CLOSE).map(known => known.code)).toContain(code)
    expect(await other.untilPong()).toEqual([])
  })
})

describe('a client that sends many messages at once', () => {
  test('has all of them stored in order, although only some are handled per turn', async () => {
    const { flooder } = await start({ settings: { messageRateLimit: 0 } })
    const text = (at: number) => JSON.stringify({ type: 'message', content: `${at}` })
    writeRaw(flooder, Buffer.concat(Array.from({ length: 1000 }, (_, at) => frame(0x81, text(at)))))
    for (let at = 0; at < 1000; at++)
      expect(await flooder.nextOf('message')).toMatchObject({ content: `${at}`, seq: at + 1 })
  })

  test('has all of them stored even if it disconnects immediately', async () => {
    const { flooder, other } = await start({ settings: { messageRateLimit: 0 } })
    const text = (at: number) => JSON.stringify({ type: 'message', content: `${at}` })
    const messages = Array.from({ length: 300 }, (_, at) => frame(0x81, text(at)))
    writeRaw(flooder, Buffer.concat([...messages, frame(0x88, '\u0003\u00e8')]))
    for (let at = 0; at < 300; at++) expect(await other.nextOf('message')).toMatchObject({ content: `${at}` })
  })
})

describe('notifications', () => {
  const typed = async (client: SocketClient) =>
    (await client.untilPong()).filter(({ type }) => type === 'typing').length

  test('of typing are accepted from subscribers only', async () => {
    const { flooder, other } = await start()
    flooder.send({ type: 'unsubscribe', room: 'general' })
    await flooder.nextOf('unsubscribed')
    flooder.send({ type: 'typing', room: 'general' })
    expect(await flooder.nextOf('error')).toMatchObject({ code: 'not_allowed', room: 'general' })
    expect(await typed(other)).toBe(0)
  })

  test('of typing are sent once per second for all connections and processes of the user', async () => {
    const clock = fakeClock()
    const database = await testDatabase()
    const network = createMemoryNetwork()
    const one = await start({ clock, database, bus: createMemoryBus(network) })
    const two = await startChat({ clock, database, bus: createMemoryBus(network) })
    const typists = [one.flooder, await one.join(one.john), await two.join(one.john), await two.join(one.john)]
    const watcher = await two.join(one.jane)
    for (let second = 1; second <= 3; second++) {
      for (const typist of typists) {
        repeat(5, () => typist.send({ type: 'typing', room: 'general' }))
        await typist.untilPong()
      }
      await new Promise(setImmediate)
      expect(await typed(one.other)).toBe(1)
      expect(await typed(watcher)).toBe(1)
      clock.advance(1000)
    }
  })

  test('of subscriptions are limited per user, not per connection', async () => {
    const { flooder, join, john } = await start()
    flooder.send({ type: 'unsubscribe', room: 'general' })
    await flooder.nextOf('unsubscribed')
    const errors: Frame[] = []
    for (let connection = 0; connection < 5; connection++) {
      const client = await join(john, {}, '?rooms=')
      repeat(60, () => {
        client.send({ type: 'subscribe', room: 'general' })
        client.send({ type: 'unsubscribe', room: 'general' })
      })
      client.send({ type: 'unsubscribe', room: 'general', ref: 'last' })
      for (let frame = await client.next(); frame.ref !== 'last'; frame = await client.next()) {
        if (frame.type === 'error') errors.push(frame)
      }
      await client.close()
    }
    // The user may subscribe 256 times. The first connection used one of these when it was opened.
    expect(errors).toHaveLength(5 * 60 + 1 - 256)
    expect(errors[0]).toMatchObject({ code: 'rate_limited', room: 'general', retry_after_ms: expect.any(Number) })
  })
})

describe('the rooms in the query of an upgrade', () => {
  test('are not looked up if a limit rejects the connection', async () => {
    const { join, john, database } = await start({ settings: { connectionsPerUser: 1 } })
    const { query } = database.client
    let lookups = 0
    const counted: typeof query = (text, params) => {
      if (text.includes('name = any')) lookups++
      return query(text, params)
    }
    Object.assign(database.client, { query: counted })
    const refused = await join(john, {}, `?rooms=${Array.from({ length: 128 }, (_, at) => `r${at}`)}`)
    expect(await refused.closed).toMatchObject({ code: 4109 })
    expect(lookups).toBe(0)
  })
})
