/** Tests responses in a host application. A stalled response of the chat is closed. The host's responses are not affected. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { encrypt, parseKey } from '../../src/crypto/fernet.ts'
import { fakeClock } from '../support/clock.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { startHost } from '../support/start-host.ts'

const start = async () => {
  const clock = fakeClock(Date.now())
  const before = (app: FastifyInstance) => app.get('/export', async () => Buffer.alloc(24 * 1024 * 1024, 'x'))
  const host = await startHost({ clock, before, readRateLimit: 0 })
  const { client, schema } = host.database
  await host.call('GET', '/support/api/users/me', { as: 'ann' })
  await client.query(
    `insert into "${schema}".messages (room_id, seq, user_id, kind, content, write_id, created_at)
      select rooms.id, at, 1, 'message', $1, at::text, now()
      from "${schema}".rooms, generate_series(1, 1000) as at where name = 'general'`,
    [encrypt(parseKey(ENCRYPTION_KEY), '🌊'.repeat(4000), { now: 0 })]
  )
  await client.query(`update "${schema}".rooms set last_seq = 1000`)
  const accepted: Socket[] = []
  host.app.server.on('connection', socket => accepted.push(socket))
  const ask = async (path: string) => {
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1').pause()
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nx-user: ann\r\n\r\n`)
    await expect.poll(() => accepted.at(-1)?.writableLength ?? 0).toBeGreaterThan(0)
    return accepted.at(-1)
  }
  return { ...host, clock, ask }
}

test('closes a response of the chat that the client does not read, but not a response of the host', async () => {
  const { ask, clock } = await start()
  const ours = await ask('/support/api/chat/messages?limit=1000')
  expect(ours?.writableLength).toBeLessThan(256 * 1024)
  const theirs = await ask('/export')
  for (let second = 0; second < 40; second++) {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
  expect([ours?.destroyed, theirs?.destroyed]).toEqual([true, false])
})

test('handles many concurrent requests of one HTTP/2 connection', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: Fastify's types have another overload for HTTP/2.
  const { url } = await startHost({ server: { http2: true } as any, readRateLimit: 0 })
  const session = connectHttp2(url)
  onTestFinished(() => session.close())
  const get = async () => {
    const stream = session.request({ ':path': '/support/api/chat/messages?limit=1000', 'x-user': 'ann' })
    const [headers] = await once(stream, 'response')
    let text = ''
    stream.on('data', data => {
      text += data
    })
    await once(stream, 'end')
    return [headers[':status'], text]
  }
  expect(await Promise.all(Array.from({ length: 20 }, get))).toEqual(Array(20).fill([200, '[]']))
})
