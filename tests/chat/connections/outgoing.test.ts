/**
 * Tests how frames are encoded and written, and the internals of `ws` that the socket writer relies on. Fails if a new version
 * of `ws` changes these internals.
 */
import { once } from 'node:events'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { chunkOf, encode } from '../../../src/chat/connections/encoded.ts'
import { Outgoing, type WritableSocket } from '../../../src/chat/connections/outgoing.ts'
import fc, { codePoint } from '../../support/properties.ts'

const pair = async (options: ServerOptions = {}) => {
  const server = new WebSocketServer({ port: 0, ...options })
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.terminate()
    server.close()
  })
  const received: string[] = []
  client.on('message', data => received.push(data.toString()))
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[WebSocket], unknown]
  const until = async (count: number) => {
    while (received.length < count) await once(client, 'message')
    return received
  }
  return { accepted, socket: accepted as unknown as WritableSocket, client, until }
}

describe('a frame that is encoded once', () => {
  test('is received unchanged, regardless of its length', async () => {
    const { socket, until } = await pair()
    const texts = ['', 'a', 'é'.repeat(62), 'x'.repeat(125), 'x'.repeat(126), '😀'.repeat(16_384), 'x'.repeat(70_000)]
    for (const text of texts) new Outgoing(socket, () => {}).write(chunkOf([encode(text)]))
    expect(await until(texts.length)).toEqual(texts)
  })

  test('has its text as the payload', () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 300 }), text => {
        const { frame, head } = encode(text)
        const payload = frame.subarray(head)
        expect(payload.toString()).toBe(Buffer.from(text).toString())
        expect(frame[1]).toBe(Math.min(payload.length, 126))
      })
    )
  })
})

describe('writing', () => {
  test('many frames takes one write to the socket, and keeps the order with frames that ws sends', async () => {
    const { accepted, socket, until } = await pair()
    const writes: number[] = []
    const raw = socket._socket
    if (!raw) throw new Error('The version of ws has no _socket.')
    const original = raw.write.bind(raw)
    Object.assign(raw, {
      write: (data: Buffer, ...rest: never[]) => {
        writes.push(data.length)
        return original(data, ...rest)
      }
    })
    accepted.send('first')
    accepted.ping()
    writes.length = 0
    const chunk = chunkOf(['a', 'b', 'c'].map(encode))
    new Outgoing(socket, () => {}).write(chunk)
    expect(writes).toEqual([chunk.bytes.length])
    accepted.send('last')
    expect(await until(5)).toEqual(['first', 'a', 'b', 'c', 'last'])
  })

  test('uses ws if the connection is compressed, and keeps the order', async () => {
    const { accepted, socket, until } = await pair({ perMessageDeflate: { threshold: 0 } })
    expect(accepted.extensions).toContain('permessage-deflate')
    accepted.send('x'.repeat(100_000))
    new Outgoing(socket, () => {}).write(chunkOf(['a', 'b'].map(encode)))
    accepted.send('last')
    expect((await until(4)).map(text => text.slice(0, 4))).toEqual(['xxxx', 'a', 'b', 'last'])
  })

  test('to a closing socket does nothing and does not throw', async () => {
    const { accepted, socket, client } = await pair()
    const closed = once(client, 'close')
    accepted.close(1000)
    new Outgoing(socket, () => {}).write(chunkOf([encode('late')]))
    const [code] = await closed
    expect(code).toBe(1000)
    new Outgoing(socket, () => {}).write(chunkOf([encode('later')]))
  })

  test('finds the internals of ws: the socket, and a bufferedAmount that is the buffer of the socket', async () => {
    const { accepted, socket } = await pair()
    expect(socket._socket).toMatchObject({ writableLength: 0, bytesWritten: expect.any(Number) })
    expect(socket).toMatchObject({ readyState: WebSocket.OPEN, extensions: '', bufferedAmount: 0 })
    // Corks the socket, so that its bytes stay in its buffer and `bufferedAmount` is not 0.
    ;(socket._socket as NetSocket).cork()
    accepted.send('x'.repeat(1000))
    expect(accepted.bufferedAmount).toBe(socket._socket?.writableLength)
    expect(accepted.bufferedAmount).toBeGreaterThan(1000)
  })
})
