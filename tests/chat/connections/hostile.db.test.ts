/** Tests that a client that reads too slowly, sends too much or disconnects abruptly does not affect other clients. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../support/clock.ts'
import { engine } from '../../support/database.ts'
import type { SocketClient } from '../../support/socket-client.ts'
import { startChat } from '../../support/start-chat.ts'

const LONG = 'x'.repeat(4000)

const start = async (options: Parameters<typeof startChat>[0] = {}) => {
  const chat = await startChat({ settings: { messageRateLimit: 0 }, ...options })
  const [john, jane] = [await chat.register('john'), await chat.register('jane')]
  return { ...chat, john, jane, sender: await chat.join(john) }
}

/** Sends messages in batches. Receives the messages after each batch, so that the sender is not a slow reader itself. */
const talk = async (sender: SocketClient, count: number): Promise<void> => {
  for (let sent = 0; sent < count; ) {
    for (let at = 0; at < 100 && sent < count; at++, sent++) sender.send({ type: 'message', content: LONG })
    for (let at = 0; at < 100; at++) await sender.nextOf('message')
  }
}

describe('a slow reader', () => {
  test('delays no other client, uses little memory, and receives all messages in order when it reads again', async () => {
    const { join, jane, sender } = await start()
    const slow = await join(jane)
    const before = process.memoryUsage()
    slow.socket.pause()
    await talk(sender, 4000)
    const grown = process.memoryUsage().external - before.external
    // At most 1 MiB of the 16 MB of messages is queued for the slow reader. The limit of this test is higher, because `external`
    // also includes the page cache and garbage. The test checks the limit only with PostgreSQL, because `external` would also
    // include an embedded database.
    if (engine === 'postgres') expect(grown).toBeLessThan(100 * 1024 * 1024)
    slow.socket.resume()
    const seqs: number[] = []
    while (seqs.length < 4000) seqs.push((await slow.nextOf('message')).seq)
    expect(seqs).toEqual(Array.from({ length: 4000 }, (_, at) => at + 1))
    await talk(sender, 100)
    expect((await slow.nextOf('message')).seq).toBe(4001)
  }, 300_000)

  test('that reads nothing for 30 s is closed with 4108', async () => {
    const clock = fakeClock()
    const { join, jane, sender, log } = await start({ clock })
    const slow = await join(jane)
    slow.socket.pause()
    await talk(sender, 4000)
    for (let second = 0; second < 40; second += 5) {
      clock.advance(5000)
      await sender.untilPong()
    }
    expect(log()).toContain('closed a connection whose client reads too slowly')
    slow.socket.resume()
    expect(await slow.closed).toMatchObject({ code: 4108 })
  }, 300_000)

  test('that sends without reading does not delay other clients', async () => {
    const { join, jane, sender } = await start()
    const slow = await join(jane)
    slow.socket.pause()
    const long = 'r'.repeat(60)
    for (let at = 0; at < 20_000; at++) slow.send({ type: 'message', content: LONG, ref: `${long}${at}`.slice(-64) })
    // The service still handles other clients.
    await talk(sender, 100)
    slow.socket.terminate()
  }, 300_000)
})

describe('hostile frames', () => {
  test('of 5 MiB close the connection with 1009', async () => {
    const { sender } = await start()
    sender.socket.on('error', () => {})
    sender.send({ type: 'message', content: 'x'.repeat(5 * 1024 * 1024) })
    expect((await sender.closed).code).toBe(1009)
  })

  test.for([
    ['arrays', `{"type":"message","content":${'['.repeat(50_000)}`],
    [
      'arrays that are closed',
      `{"type":"message","content":"x","meta":{"a":${'['.repeat(25_000)}${']'.repeat(25_000)}}}`
    ],
    ['objects', `{"type":"message","content":"x","meta":${'{"a":'.repeat(8000)}1${'}'.repeat(8000)}}`]
  ] as const)('of deeply nested %s get an error, and the connection stays open', async ([, text]) => {
    const { sender } = await start()
    sender.send(text)
    expect(await sender.nextOf('error')).toMatchObject({ code: 'invalid_frame' })
    sender.send({ type: 'message', content: 'still here' })
    expect(await sender.nextOf('message')).toMatchObject({ content: 'still here' })
  })

  test('with a NUL in a nonce or a room get an error, but a NUL in the content is allowed', async () => {
    const { sender } = await start()
    sender.send({ type: 'message', content: 'x', nonce: 'a\u0000', ref: '1' })
    expect(await sender.nextOf('error')).toMatchObject({ code: 'invalid_frame', ref: '1' })
    sender.send({ type: 'subscribe', room: 'a\u0000', ref: '2' })
    expect(await sender.nextOf('error')).toMatchObject({ code: 'invalid_frame', ref: '2' })
    sender.send({ type: 'message', content: 'a\u0000b' })
    expect(await sender.nextOf('message')).toMatchObject({ content: 'a\u0000b' })
  })

  test('that subscribe a thousand times close the connection for flooding', async () => {
    const { sender, join, jane } = await start({ clock: fakeClock() })
    const other = await join(jane)
    for (let at = 0; at < 1000; at++) sender.send({ type: 'subscribe', room: 'general', after: 0 })
    expect(await sender.closed).toMatchObject({ code: 4129 })
    expect((await other.untilPong()).filter(({ type }) => type === 'error')).toEqual([])
  })
})

describe('broken connections', () => {
  test('leave no descriptor open after 200 rejected upgrades', async () => {
    const { url } = await start()
    const { port, hostname } = new URL(url)
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    const refuse = async (at: number) => {
      const socket = createConnection(Number(port), hostname)
      socket.on('error', () => {})
      socket.resume()
      await once(socket, 'connect')
      const path = ['/ws/chat?token=bad', '/nowhere', '/health', '/%zz'][at % 4]
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
      )
      // The service must close the connection, because the client does not close its side first.
      await once(socket, 'close')
    }
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, (_, at) => refuse(at)))
    await expect.poll(open).toBeLessThanOrEqual(before + 2)
  })

  test('that are terminated while messages are being stored do not affect later messages', async () => {
    const { call, join, jane, john, sender } = await start()
    for (let at = 0; at < 20; at++) {
      const client = await join(jane, { headers: { 'x-request-id': `broken-off-${at}` } })
      for (let sent = 0; sent < 5; sent++) client.send({ type: 'message', content: LONG, nonce: `${at}-${sent}` })
      client.socket.terminate()
    }
    sender.send({ type: 'message', content: 'last', ref: 'last' })
    await sender.nextOf('ack')
    const { body } = await call('GET', '/api/chat/messages?limit=1', { token: john.token })
    expect(body[0].content).toBe('last')
  })
})
