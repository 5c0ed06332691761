import { expect, test } from 'vitest'
import { Connection } from '../../../src/chat/connections/connection.ts'
import type { ConnectionContext } from '../../../src/chat/connections/context.ts'
import { createFrameDecoder } from '../../../src/chat/connections/decode.ts'
import { createKinds } from '../../../src/chat/kinds/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { FakeSocket } from '../../support/fake-socket.ts'
import { silentLog } from '../../support/memory-chat.ts'

const HOUR = 60 * 60 * 1000

const start = ({ hasChatV1, ...more }: { hasChatV1: boolean } & Partial<ConnectionContext>) => {
  const clock = fakeClock()
  const host: ConnectionContext = {
    clock,
    maxFrameBytes: 1000,
    legacyLifetimeMs: 24 * HOUR,
    decode: createFrameDecoder(createKinds()),
    append() {},
    act() {},
    authenticate: () => Promise.reject(new Error('not here')),
    ended() {},
    closed() {},
    ...more
  }
  const socket = new FakeSocket()
  const principal = { userId: 1, username: 'john', expiresAt: clock.now() + HOUR }
  const connection = new Connection({ socket, principal, hasChatV1, address: 'a', rooms: [], log: silentLog }, host)
  /** Advances the clock. The client responds to every ping. */
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 20_000) {
      clock.advance(20_000)
      socket.emit('pong')
      connection.tick()
    }
  }
  return { socket, pass }
}

test('a connection with the subprotocol chat.v1 is closed when its token expires', () => {
  const { socket, pass } = start({ hasChatV1: true })
  pass(HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('a connection without the subprotocol is closed after a day', () => {
  const { socket, pass } = start({ hasChatV1: false })
  pass(24 * HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('a connection without the subprotocol is closed after legacyLifetimeMs', () => {
  const { socket, pass } = start({ hasChatV1: false, legacyLifetimeMs: 2 * HOUR })
  pass(2 * HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('a connection without the subprotocol is closed when its token expires if legacyLifetimeMs is 0', () => {
  const { socket, pass } = start({ hasChatV1: false, legacyLifetimeMs: 0 })
  pass(HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})
