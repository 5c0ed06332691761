import { describe, expect, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import { createEventHandler } from '../../../src/chat/bus-events.ts'
import { createPresence } from '../../../src/chat/presence/presence.ts'
import { MAX_NAMED } from '../../../src/chat/presence/room-presence.ts'
import { fakeClock } from '../../support/clock.ts'

const ROOM = 1
const user = (userId: number) => ({ userId, username: `user-${userId}` })

/**
 * Creates processes that share presence over a bus. `pass` advances the clock, and lets the events between processes arrive.
 */
const start = async (count: number) => {
  const clock = fakeClock()
  const network = createMemoryNetwork()
  const processes = await Promise.all(
    Array.from({ length: count }, async () => {
      const bus = createMemoryBus(network)
      const notices: string[] = []
      let changes = 0
      const presence = createPresence({
        bus,
        clock,
        onNotice: (_, event, { username }) => notices.push(`${username} ${event}`),
        onChange: () => changes++
      })
      await bus.listen({
        grown() {},
        event: createEventHandler(presence.events),
        reset() {}
      })
      const shown = () => {
        const { count, users } = presence.of(ROOM, 'general')
        return { count, users: users?.map(({ username }) => username) }
      }
      return { bus, presence, notices, shown, changes: () => changes }
    })
  )
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      clock.advance(250)
      await new Promise(setImmediate)
    }
  }
  return { clock, network, processes: processes as [(typeof processes)[0], (typeof processes)[0]], pass }
}

describe('a user who', () => {
  test('was deleted is removed immediately, even if another process still publishes the user', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(2))
    await pass(2000)
    one.presence.deleted(1)
    expect(one.shown()).toEqual({ count: 1, users: ['user-2'] })
    expect(one.notices.at(-1)).toBe('user-1 left')
    two.presence.join(ROOM, user(3))
    await pass(20_000)
    expect(one.shown()).toEqual({ count: 2, users: ['user-2', 'user-3'] })
    one.presence.leave(ROOM, user(1))
    two.presence.deleted(1)
    await pass(2000)
    expect(two.shown()).toEqual(one.shown())
  })

  test('is connected to two processes and was renamed is shown with the new name, regardless of which process learns it first', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(1))
    await pass(2000)
    one.presence.renamed(1, 'new-name')
    // The other process still publishes the old name.
    two.presence.refresh()
    await pass(250)
    expect(one.shown().users).toEqual(['new-name'])
    two.presence.renamed(1, 'new-name')
    await pass(20_000)
    expect([one.shown().users, two.shown().users]).toEqual([['new-name'], ['new-name']])
  })

  test('was renamed is shown with the new name on all processes', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    await pass(2000)
    const changes = one.changes()
    one.presence.renamed(1, 'new-name')
    await pass(2000)
    expect(one.changes()).toBe(changes + 1)
    for (const { shown } of processes) expect(shown()).toEqual({ count: 1, users: ['new-name'] })
    expect(two.notices).toEqual(['user-1 joined'])
  })
})

describe('presence', () => {
  test('begins with a user’s first connection and ends after the last, on any process', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    one.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(2))
    await pass(2000)
    for (const { shown } of processes) expect(shown()).toEqual({ count: 2, users: ['user-1', 'user-2'] })
    one.presence.leave(ROOM, user(1))
    one.presence.leave(ROOM, user(1))
    await pass(10_000)
    expect(one.shown()).toEqual({ count: 2, users: ['user-1', 'user-2'] })
    two.presence.leave(ROOM, user(1))
    await pass(7000)
    for (const { shown, notices } of processes) {
      expect(shown()).toEqual({ count: 1, users: ['user-2'] })
      expect([...notices].sort()).toEqual(['user-1 joined', 'user-1 left', 'user-2 joined'])
    }
  })

  test('does not change for a user who returns within the grace period, even on another process', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    await pass(2000)
    one.presence.leave(ROOM, user(1))
    await pass(3000)
    two.presence.join(ROOM, user(1))
    await pass(20_000)
    for (const { notices } of processes) expect(notices).toEqual(['user-1 joined'])
  })

  test('ends within 30 s for the users of a process that stops publishing', async () => {
    const { processes, pass, network } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(2))
    await pass(2000)
    expect(one.shown().count).toBe(2)
    // Simulates a killed process, which neither receives nor publishes events.
    network.ends.delete(two.bus.processId)
    Object.assign(two.bus, { publish: () => true })
    await pass(30_000)
    expect(one.shown()).toEqual({ count: 1, users: ['user-1'] })
    expect(one.notices.at(-1)).toBe('user-2 left')
  })

  test('ends after the grace period for the users of a process that shuts down', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    two.presence.join(ROOM, user(2))
    await pass(2000)
    two.presence.close()
    await two.bus.close()
    await pass(6000)
    expect(one.shown()).toEqual({ count: 1, users: ['user-1'] })
  })

  test('is sent to a process that starts later', async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    one.presence.join(ROOM, user(1))
    await pass(2000)
    two.presence.events.gone({ kind: 'gone' }, one.bus.processId)
    await pass(10_000)
    expect(two.shown()).toEqual({ count: 1, users: ['user-1'] })
  })

  test(`of more than ${MAX_NAMED} users is a number without events, and is sent at most once per second`, async () => {
    const { processes, pass } = await start(2)
    const [one, two] = processes
    for (let userId = 1; userId <= MAX_NAMED; userId++) one.presence.join(ROOM, user(userId))
    expect(one.notices.length).toBe(MAX_NAMED)
    for (let userId = MAX_NAMED + 1; userId <= 1000; userId++) one.presence.join(ROOM, user(userId))
    expect(one.notices.length).toBe(MAX_NAMED)
    await pass(3000)
    expect(one.shown()).toEqual({ count: 1000, users: undefined })
    expect(two.shown()).toEqual({ count: 1000, users: undefined })
    expect(one.changes()).toBe(1)
    for (let userId = 50; userId <= 1000; userId++) one.presence.leave(ROOM, user(userId))
    await pass(10_000)
    expect(one.shown().users?.length).toBe(49)
    expect(two.shown().users?.length).toBe(49)
    expect(two.changes()).toBeLessThanOrEqual(10)
  })

  test('of very many users is sent less often, because every subscriber receives it', async () => {
    const { processes, pass } = await start(1)
    const [one] = processes
    for (let userId = 1; userId <= 10_000; userId++) one.presence.join(ROOM, user(userId))
    await pass(1000)
    const before = one.changes()
    for (let second = 0; second < 30; second++) {
      one.presence.join(ROOM, user(20_000 + second))
      await pass(1000)
    }
    expect(one.changes() - before).toBeLessThanOrEqual(3)
  })
})
