import { describe, expect, test } from 'vitest'
import { Connection } from '../../../src/chat/connections/connection.ts'
import type { ChatFrame, ConnectionContext } from '../../../src/chat/connections/context.ts'
import { createFrameDecoder } from '../../../src/chat/connections/decode.ts'
import { bytesPerSecond, costOf, FrameQuota } from '../../../src/chat/connections/frame-quota.ts'
import { createKinds } from '../../../src/chat/kinds/index.ts'
import { CLOSE } from '../../../src/protocol/close-codes.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { fakeClock } from '../../support/clock.ts'
import { FakeSocket } from '../../support/fake-socket.ts'

const turn = () => new Promise(setImmediate)

describe('the quota', () => {
  test('allows 50 frames per second, and a burst of 200', () => {
    const clock = fakeClock()
    const quota = new FrameQuota({ clock, bytesPerSecond: 0, bytesRead: 0 })
    const paid = (count: number) => Array.from({ length: count }, () => quota.charge(1, 0)).filter(Boolean).length
    expect(paid(1000)).toBe(200)
    clock.advance(1000)
    expect(paid(1000)).toBe(50)
    clock.step(-3_600_000)
    clock.advance(1000)
    expect(paid(1000)).toBe(50)
  })

  test('does not count the bytes of the upgrade request', () => {
    const clock = fakeClock()
    const quota = new FrameQuota({ clock, bytesPerSecond: 1000, bytesRead: 5000 })
    expect(quota.charge(0, 8000)).toBe(true)
    expect(quota.charge(0, 8001)).toBe(false)
    clock.advance(1000)
    expect(quota.charge(0, 9001)).toBe(true)
    expect(quota.charge(0, 9002)).toBe(false)
  })

  test('allows as many messages of the maximum length as the message rate', () => {
    const clock = fakeClock()
    const quota = new FrameQuota({ clock, bytesPerSecond: bytesPerSecond(10, 56_192), bytesRead: 0 })
    let read = 0
    for (let second = 0; second < 60; second++) {
      for (let at = 0; at < (second === 0 ? 30 : 10); at++) {
        read += 56_192
        expect(quota.charge(0, read)).toBe(true)
      }
      clock.advance(1000)
    }
  })

  test('allows a burst of 256 subscriptions, but no continuous rate of them', () => {
    const clock = fakeClock()
    const quota = new FrameQuota({ clock, bytesPerSecond: 0, bytesRead: 0 })
    const waits = Array.from({ length: 300 }, () => quota.takeSubscription())
    expect(waits.filter(wait => wait === 0)).toHaveLength(256)
    expect(waits.at(-1)).toBe(250)
  })

  test('charges more for frames that cost the service more', () => {
    expect(costOf('auth')).toBeGreaterThan(costOf('ping'))
  })
})

/**
 * Opens a connection with a fake socket and a fake clock. `bytes` is the quota of the connection in bytes per second; 0 means no
 * limit.
 */
const open = ({ act = () => {}, bytes = 0 }: { act?: ConnectionContext['act']; bytes?: number } = {}) => {
  const clock = fakeClock()
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const host: ConnectionContext = {
    clock,
    maxFrameBytes: 60_000,
    legacyLifetimeMs: 0,
    bytesPerSecond: bytes,
    decode: createFrameDecoder(createKinds()),
    append: (connection, _, command) => act(connection, command as ChatFrame),
    act,
    authenticate: () => Promise.reject(new ChatError('invalid_token', 'No.')),
    ended() {},
    closed() {}
  }
  // Simulates a client that does not complete the closing handshake.
  const socket = Object.assign(new FakeSocket(), {
    close(code: number) {
      socket.closedWith = code
      socket.readyState = 2
    }
  })
  const principal = { userId: 1, username: 'john', expiresAt: clock.now() + 3_600_000 }
  const connection = new Connection({ socket, principal, hasChatV1: true, address: 'a', rooms: [], log }, host)
  const send = (text: string, isBinary = false) => socket.emit('message', Buffer.from(text), isBinary)
  return { clock, socket, connection, send }
}

describe('a flood', () => {
  test.for<[string, (one: ReturnType<typeof open>) => void]>([
    ['unsolicited pongs', ({ socket }) => socket.emit('pong')],
    ['pings', ({ socket }) => socket.emit('ping')],
    ['empty frames', ({ send }) => send('')],
    ['binary frames', ({ send }) => send('{"type":"ping"}', true)],
    ['frames of the host application', ({ send }) => send('{"type":"app.poke"}')],
    ['frames of unknown types', ({ send }) => send('{"type":"nope"}')],
    ['ping frames', ({ send }) => send('{"type":"ping"}')],
    ['auth frames', ({ send }) => send('{"type":"auth","token":"x"}')],
    ['unsubscribe frames', ({ send }) => send('{"type":"unsubscribe","room":"nowhere"}')],
    ['typing frames', ({ send }) => send('{"type":"typing","room":"general"}')]
  ])('of %s closes the connection with 4129, and reads are paused', async ([, flood]) => {
    const one = open()
    for (let at = 0; at < 60; at++) {
      for (let sent = 0; sent < 10; sent++) flood(one)
      await turn()
    }
    expect(one.socket.closedWith).toBe(4129)
    expect(one.socket.isPaused).toBe(true)
    expect(one.socket.frames.filter(({ code }) => code === 'flooding')).toHaveLength(1)
    const sentFrames = one.socket.frames.length
    for (let at = 0; at < 1000; at++) flood(one)
    await turn()
    expect(one.socket.frames.length).toBe(sentFrames)
  })

  test('of bytes closes the connection, even if the frames are valid', () => {
    const one = open({ bytes: 1000 })
    const raw = one.socket._socket as unknown as { bytesRead: number }
    for (let at = 1; at <= 4; at++) {
      raw.bytesRead = at * 1000
      one.send('{"type":"message","content":"x"}')
    }
    expect(one.socket.closedWith).toBe(4129)
  })

  test('during the closing handshake terminates the connection immediately', () => {
    const { connection, socket, send } = open()
    connection.close(CLOSE.tooManyConnections)
    for (let at = 0; at < 201; at++) send('x')
    expect(socket.readyState).toBe(3)
  })

  test('is not detected for a client that sends as much as is allowed', async () => {
    const { clock, socket, send } = open()
    for (let second = 0; second < 60; second++) {
      for (let at = 0; at < 45; at++) send('{"type":"ping"}')
      for (let at = 0; at < 200; at++) send('{"type":"message","content":"x"}')
      while (socket.isPaused) await turn()
      clock.advance(1000)
    }
    expect(socket.closedWith).toBeUndefined()
  })
})
