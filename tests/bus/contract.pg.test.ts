/** Tests every driver of the bus against the contract in src/bus/bus.ts. */
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Bus, MAX_EVENT_BYTES } from '../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { createPostgresBus } from '../../src/bus/drivers/postgres.ts'
import type { Notifications } from '../../src/db/client/types.ts'
import {
  listening,
  openNotifications,
  openRedisBus,
  openTestClient,
  sharedRedis,
  untilRedisWorks
} from '../support/buses.ts'
import { isAvailable } from '../support/requirements.ts'

/**
 * Prepares a driver. `make` creates buses that receive each other's events. `other` creates a bus of another chat instance. That
 * bus must not receive these events.
 */
type Driver = () => Promise<{ make(): Promise<Bus>; other(): Promise<Bus> }>

const memory: Driver = async () => {
  const [network, another] = [createMemoryNetwork(), createMemoryNetwork()]
  return { make: async () => createMemoryBus(network), other: async () => createMemoryBus(another) }
}

const onPostgres: Driver = async () => {
  const name = randomUUID()
  const make = async (instance: string) =>
    createPostgresBus({ database: await openNotifications(), instance: async () => [instance] })
  return { make: () => make(name), other: () => make(`${name} other`) }
}

/** Returns a bus whose `listen` resolves when Redis works. Before that, events may arrive over both buses, and out of order. */
const untilWorking = (bus: Bus): Bus => ({
  ...bus,
  async listen(listener) {
    await bus.listen(listener)
    await untilRedisWorks(bus)
  }
})

/** Creates buses over Redis. After its start, every process also sends over PostgreSQL for some time. */
const onBoth: Driver = async () => {
  const server = await sharedRedis()
  const name = randomUUID()
  const make = async (instance: string) => untilWorking(await openRedisBus({ server, instance }))
  return { make: () => make(name), other: () => make(`${name} other`) }
}

/** Creates buses over Redis that lose what they receive over PostgreSQL, except heartbeats. */
const onRedis: Driver = async () => {
  const server = await sharedRedis()
  const name = randomUUID()
  const make = async (instance: string) =>
    untilWorking(await openRedisBus({ server, instance, losesPayloads: () => true }))
  return { make: () => make(name), other: () => make(`${name} other`) }
}

/** Creates a `typing` event. The length of `username` determines the size of the event. */
const typing = (user_id: number, username: string) => ({ kind: 'typing', room: 1, user_id, username }) as const

const drivers: [string, Driver][] = [
  ['memory', memory],
  ['PostgreSQL', onPostgres],
  ...(isAvailable('redis')
    ? [['Redis and PostgreSQL', onBoth] as [string, Driver], ['Redis', onRedis] as [string, Driver]]
    : [])
]
describe.each(drivers)('the bus over %s', (_, driver) => {
  test('notifies other processes, but not itself, of the newest seq of each room', async () => {
    const { make } = await driver()
    const [one, two] = [await listening(await make()), await listening(await make())]
    for (let seq = 1; seq <= 100; seq++) one.bus.announce(7, seq)
    one.bus.announce(8, 3)
    one.bus.announce(8, 2)
    await two.until(() => two.received.grown.length >= 2)
    expect(two.received.grown).toEqual([
      [7, 100],
      [8, 3]
    ])
    two.bus.publish({ kind: 'alive' })
    await one.until(() => one.received.events.length === 1)
    expect(one.received.grown).toEqual([])
  })

  test('delivers events in order, with the id of the process that published them', async () => {
    const { make } = await driver()
    const [one, two] = [await listening(await make()), await listening(await make())]
    const events = Array.from({ length: 300 }, (_, at) => typing(at, 'é'.repeat(at % 90)))
    for (const event of events) expect(one.bus.publish(event)).toBe(true)
    await two.until(() => two.received.events.length === events.length)
    expect(two.received.events).toEqual(events)
    expect(new Set(two.received.from)).toEqual(new Set([one.bus.processId]))
  })

  test('delivers an event of the maximum size and drops a larger event', async () => {
    const { make } = await driver()
    const [one, two] = [await listening(await make()), await listening(await make())]
    const empty = Buffer.byteLength(JSON.stringify(typing(1, '')))
    const biggest = typing(1, 'x'.repeat(MAX_EVENT_BYTES - empty))
    expect(one.bus.publish({ ...biggest, username: `${biggest.username}x` })).toBe(false)
    expect(one.bus.publish(biggest)).toBe(true)
    await two.until(() => two.received.events.length === 1)
    expect(two.received.events).toEqual([biggest])
  })

  test('delivers announcements of 2,000 rooms', async () => {
    const { make } = await driver()
    const [one, two] = [await listening(await make()), await listening(await make())]
    for (let roomId = 1; roomId <= 2000; roomId++) one.bus.announce(roomId, Number.MAX_SAFE_INTEGER)
    await two.until(() => two.received.grown.length === 2000)
    expect(new Set(two.received.grown.map(([roomId]) => roomId)).size).toBe(2000)
  })

  test('does not deliver events of another chat instance', async () => {
    const { make, other } = await driver()
    const [one, two, foreign] = [
      await listening(await make()),
      await listening(await make()),
      await listening(await other())
    ]
    foreign.bus.announce(1, 1)
    foreign.bus.publish({ kind: 'gone' })
    await foreign.bus.close()
    one.bus.publish({ kind: 'alive' })
    await two.until(() => two.received.events.length > 0)
    expect(two.received.events).toEqual([{ kind: 'alive' }])
    expect(two.received.grown).toEqual([])
  })

  test('calls reset when it starts to listen, and sends queued notifications when it closes', async () => {
    const { make } = await driver()
    const [one, two] = [await listening(await make()), await listening(await make())]
    expect(one.received.resets).toBe(1)
    one.bus.announce(1, 5)
    one.bus.publish({ kind: 'gone' })
    await one.bus.close()
    await two.until(() => two.received.events.length === 1)
    expect(two.received.grown).toEqual([[1, 5]])
  })
})

test('the bus over PostgreSQL calls reset when it listens again after its listener was terminated', async () => {
  const client = await openTestClient()
  const { notifications } = client
  let channel = ''
  const database: Pick<Notifications, 'notify' | 'listen'> = {
    ...notifications,
    listen(name, ...listener) {
      channel = name
      return notifications.listen(name, ...listener)
    }
  }
  const name = randomUUID()
  const make = () => createPostgresBus({ database, instance: async () => [name] })
  const [one, two] = [await listening(make()), await listening(make())]
  // Terminates only the listeners of this test, because other test files run on the same server.
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where query = $1', [`listen "${channel}"`])
  await expect.poll(() => two.received.resets).toBe(2)
  await expect.poll(() => one.received.resets).toBe(2)
  one.bus.announce(1, 2)
  await two.until(() => two.received.grown.length > 0)
})
