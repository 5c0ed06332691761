/** Tests that a step of the wall clock changes timestamps and the expiry of tokens, but no timeout or interval. */
import { describe, expect, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import type { Access, Principal } from '../../src/chat/access/authorize.ts'
import { createRevocation } from '../../src/chat/access/revocation.ts'
import { createEventHandler } from '../../src/chat/bus-events.ts'
import { Connection } from '../../src/chat/connections/connection.ts'
import type { ConnectionContext } from '../../src/chat/connections/context.ts'
import { createFrameDecoder } from '../../src/chat/connections/decode.ts'
import { PING_INTERVAL_MS } from '../../src/chat/connections/liveness.ts'
import { createConnectionRegistry } from '../../src/chat/connections/registry.ts'
import { createKinds } from '../../src/chat/kinds/index.ts'
import { createPresence } from '../../src/chat/presence/presence.ts'
import { GRACE_MS } from '../../src/chat/presence/present-users.ts'
import type { SubscriptionManager } from '../../src/chat/subscriptions/manager.ts'
import { fakeClock } from '../support/clock.ts'
import { FakeSocket } from '../support/fake-socket.ts'
import { silentLog } from '../support/memory-chat.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const STEPS = [
  ['a minute forward', MINUTE],
  ['an hour back', -HOUR]
] as const

const open = ({ hasChatV1 = true, clock = fakeClock(), principal = {} as Partial<Principal> } = {}) => {
  const host: ConnectionContext = {
    clock,
    maxFrameBytes: 1000,
    legacyLifetimeMs: 24 * HOUR,
    decode: createFrameDecoder(createKinds()),
    append() {},
    act() {},
    authenticate: () => Promise.reject(new Error('not here')),
    ended() {},
    closed() {}
  }
  let pings = 0
  const socket = Object.assign(new FakeSocket(), { ping: () => void pings++ })
  const who = { userId: 1, username: 'john', expiresAt: clock.now() + 10 * HOUR, ...principal }
  const connection = new Connection(
    { socket, principal: who, hasChatV1, address: 'a', rooms: [], log: silentLog },
    host
  )
  const pass = (ms: number, hasPong = true): void => {
    for (let passed = 0; passed < ms; passed += 1000) {
      clock.advance(1000)
      if (hasPong) socket.emit('pong')
      connection.tick()
    }
  }
  return { clock, connection, socket, pass, pings: () => pings }
}

describe.for(STEPS)('a wall clock that is set %s', ([, step]) => {
  test('closes no healthy connection', () => {
    const { clock, socket, connection } = open()
    clock.step(step)
    connection.tick()
    expect(socket.readyState).toBe(1)
  })

  test('does not stop the pings', () => {
    const { clock, pass, pings } = open()
    clock.step(step)
    pass(2 * PING_INTERVAL_MS)
    expect(pings()).toBe(2)
  })

  test('does not keep a silent connection open', () => {
    const { clock, pass, socket } = open()
    clock.step(step)
    pass(2 * PING_INTERVAL_MS + 1000, false)
    expect(socket.readyState).toBe(3)
  })

  test('does not keep the connection of a client that does not read open', async () => {
    const { clock, connection, pass, socket } = open()
    socket.slow()
    connection.send({ type: 'pong' })
    await Promise.resolve()
    pass(1000)
    clock.step(step)
    pass(31_000)
    expect(socket.closedWith).toBe(4108)
  })

  test('does not change how fast the message rate limit is refilled', () => {
    const clock = fakeClock()
    const registry = createConnectionRegistry({ clock, connectionsPerUser: 0, connectionsPerIp: 0, messageRate: 10 })
    while (registry.takeMessage(1) === 0);
    clock.step(step)
    expect(registry.takeMessage(1)).toBeGreaterThan(0)
    clock.advance(1000)
    const taken = Array.from({ length: 11 }, () => registry.takeMessage(1))
    expect(taken.filter(wait => wait === 0)).toHaveLength(10)
  })

  test('does not change the grace period after which a user has left', () => {
    const clock = fakeClock()
    const notices: string[] = []
    const presence = createPresence({
      bus: createMemoryBus(createMemoryNetwork()),
      clock,
      onNotice: (_, event) => notices.push(event),
      onChange() {}
    })
    presence.join(1, { userId: 1, username: 'john' })
    presence.leave(1, { userId: 1, username: 'john' })
    clock.step(step)
    clock.advance(GRACE_MS - 250)
    expect(notices).toEqual(['joined'])
    clock.advance(500)
    expect(notices).toEqual(['joined', 'left'])
  })

  test('does not prevent a revoked user from connecting again', async () => {
    const clock = fakeClock()
    const network = createMemoryNetwork()
    const [here, there] = await Promise.all([startRevocation(clock, network), startRevocation(clock, network)])
    clock.advance(1000)
    const before = clock.monotonic()
    here.disconnect('1')
    await new Promise(setImmediate)
    clock.step(step)
    clock.advance(100)
    for (const { isRevoked } of [here, there]) {
      expect(isRevoked({ userId: 1, username: 'john', expiresAt: 0, askedAt: before })).toBe(true)
      expect(isRevoked({ userId: 1, username: 'john', expiresAt: 0, askedAt: clock.monotonic() })).toBe(false)
    }
  })
})

describe('the expiry of a token', () => {
  test('is not delayed if the wall clock is set back', () => {
    const { clock, pass, socket } = open({ principal: { expiresAt: fakeClock().now() + 30 * MINUTE } })
    clock.step(-HOUR)
    pass(29 * MINUTE)
    expect(socket.closedWith).toBeUndefined()
    pass(MINUTE)
    expect(socket.closedWith).toBe(4401)
  })

  test('takes effect if the wall clock is set past it', () => {
    const { clock, pass, socket } = open({ principal: { expiresAt: fakeClock().now() + 30 * MINUTE } })
    clock.step(HOUR)
    pass(1000)
    expect(socket.closedWith).toBe(4401)
  })
})

const startRevocation = async (
  clock: ReturnType<typeof fakeClock>,
  network: ReturnType<typeof createMemoryNetwork>
) => {
  const bus = createMemoryBus(network)
  const one = createRevocation({
    registry: createConnectionRegistry({ clock, connectionsPerUser: 0, connectionsPerIp: 0, messageRate: 0 }),
    bus,
    clock,
    access: { may: () => true, ask: () => true, asks: () => false, isDelegated: false } satisfies Access,
    liveInbox: { refresh() {} },
    subscriptionManager: { expel() {} } as unknown as SubscriptionManager
  })
  await bus.listen({ grown() {}, event: createEventHandler(one.events), reset() {} })
  return one
}
