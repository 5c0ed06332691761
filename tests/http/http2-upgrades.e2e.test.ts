/** Tests a WebSocket upgrade over HTTP/1 on the port of an HTTP/2 server. */
import { expect, test } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { connectRaw, requestText, WEBSOCKET } from '../support/raw-http.ts'
import { startSockets } from '../support/start-sockets.ts'

test('is accepted', async () => {
  const https = { allowHTTP1: true, ...createCertificate() }
  const { port } = await startSockets({ server: { http2: true, https } })
  const connection = await connectRaw({ host: '127.0.0.1', port, tls: true, rejectUnauthorized: false })
  connection.write(requestText('GET /ws/chat', WEBSOCKET))
  expect((await connection.response()).status).toBe(101)
})
