/** Tests that long responses which clients do not read need a bounded number of bytes in total. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { sendProblem } from '../../plugins/problems.ts'
import responses from '../../plugins/responses.ts'

/** Longer than the buffers of a socket can become. */
const BYTES = 16 * 1024 * 1024

const start = async () => {
  const fastify = Fastify({ trustProxy: true })
  onTestFinished(() => fastify.close())
  await fastify.register(responses, { maxUnsentBytes: 3.5 * BYTES })
  fastify.setErrorHandler(sendProblem)
  fastify.get('/long', async () => ({ text: 'x'.repeat(BYTES) }))
  fastify.get('/medium', async () => ({ text: 'x'.repeat(100_000) }))
  fastify.get('/short', async () => ({ text: 'x' }))
  await fastify.listen({ port: 0, host: '127.0.0.1' })
  const { port } = fastify.server.address() as AddressInfo
  const get = (path: string, address = '127.0.0.1') =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-forwarded-for': address } })
  /** Requests a long response, and resolves when its first bytes have arrived. Reads no more. */
  const leaveUnread = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('GET /long HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'readable')
    return socket
  }
  return { get, leaveUnread }
}

test('rejects a long response while others that are not read need too many bytes', async () => {
  const { get, leaveUnread } = await start()
  const [first] = [await leaveUnread(), await leaveUnread()]
  const rejected = await get('/long')
  expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await rejected.json()).toMatchObject({ code: 'busy' })
  expect((await get('/short')).status).toBe(200)
  // The rest is reserved for other networks.
  expect((await get('/medium', '192.0.2.1')).status).toBe(200)
  first.destroy()
  await expect.poll(async () => (await get('/long')).text()).toContain('"text":"xxx')
})

test('counts a response only until it is sent', async () => {
  const { get } = await start()
  for (let at = 0; at < 3; at++) {
    const response = await get('/long')
    expect([response.status, (await response.text()).length]).toEqual([200, BYTES + '{"text":""}'.length])
  }
})
