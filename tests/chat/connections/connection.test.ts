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
  /** Advances the clock, with a client that responds to every ping. */
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 20_000) {
      clock.advance(20_000)
      socket.emit('pong')
      connection.tick()
    }
  }
  return { socket, pass }
}

test('a client that speaks chat.v1 is there until its token expires', () => {
  const { socket, pass } = start({ hasChatV1: true })
  pass(HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('an older client outlives its token, but not a day', () => {
  const { socket, pass } = start({ hasChatV1: false })
  pass(24 * HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('an older client lives as long as the operator decides', () => {
  const { socket, pass } = start({ hasChatV1: false, legacyLifetimeMs: 2 * HOUR })
  pass(2 * HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})

test('an older client is there until its token expires, if the operator decides so', () => {
  const { socket, pass } = start({ hasChatV1: false, legacyLifetimeMs: 0 })
  pass(HOUR - 60_000)
  expect(socket.closedWith).toBeUndefined()
  pass(60_000)
  expect(socket.closedWith).toBe(4401)
})
