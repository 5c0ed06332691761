/** Tests the limit of the work that a client of the metrics port can cause. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { serveMetrics } from '../../../src/ops/metrics/port.ts'

test('it collects once per connection, however many requests a client sends on it', async () => {
  let collected = 0
  const collect = async () => {
    collected++
    return { text: 'chat_info 1\n', type: 'text/plain' }
  }
  const server = createServer()
  const port = serveMetrics({ server, collect, host: '127.0.0.1', port: 0 })
  await port.open()
  onTestFinished(() => port.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.end('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50))
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*chat_info 1/)
  expect(collected).toBe(1)
})
