/** Tests that the response to a body that is too large arrives before the client has sent the whole body. */
import { expect, test } from 'vitest'
import { connectRaw, requestText } from '../support/raw-http.ts'
import { startChat } from '../support/start-chat.ts'

const BYTES = 1_200_000

test.for([
  ['a declared length', { 'content-length': String(BYTES) }, (text: string) => text, ''],
  [
    'chunks',
    { 'transfer-encoding': 'chunked' },
    (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`,
    '0\r\n\r\n'
  ]
] as const)(
  'a body with %s may be sent to its end after the 413, and the connection stays usable',
  async ([, headers, part, end]) => {
    const { url } = await startChat()
    const connection = await connectRaw({ port: Number(new URL(url).port), host: '127.0.0.1' })
    connection.write(requestText('POST /api/auth/login', { 'content-type': 'application/json', ...headers }))
    connection.write(part('x'.repeat(BYTES / 2)))
    const rejected = await connection.response()
    expect([rejected.status, rejected.headers.get('connection')]).toEqual([413, undefined])
    connection.write(part('x'.repeat(BYTES / 2)) + end)
    connection.write(requestText('GET /health/live'))
    expect((await connection.response()).status).toBe(200)
  }
)
