/** Tests that a room pauses after a long delivery, and delivers the entries that arrive during the pause together. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encode } from '../../../src/chat/connections/socket-writer.ts'
import type { Entry } from '../../../src/chat/log/codec.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { Room } from '../../../src/chat/rooms/room.ts'
import { silentLog } from '../../support/memory-chat.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/**
 * Creates a room with one subscriber. `write.ms` is the duration in milliseconds of each delivery to the subscriber, by the
 * clock of the room.
 */
const start = (ms: number) => {
  const write = { ms }
  const clock = { now: 1000, monotonic: () => clock.now }
  const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined })
  const row = { id: 1, name: 'general', title: null, epoch: 'e', lastSeq: 0, oldestSeq: 1 }
  const room = new Room({ ...row, pages, log: silentLog, clock })
  const deliveries: number[] = []
  room.subscribers.add({
    deliver({ frames }) {
      deliveries.push(frames.length)
      clock.now += write.ms
    },
    hint() {},
    replace() {},
    broken() {}
  })
  let seq = 0
  const commit = (count: number) => {
    for (let at = 0; at < count; at++) room.committed(entry(++seq))
  }
  const wait = async (ms: number) => {
    clock.now += ms
    await vi.advanceTimersByTimeAsync(ms)
  }
  return { room, deliveries, commit, wait, write }
}

const entry = (seq: number): Entry => ({
  ...encode('{}'),
  id: seq,
  seq,
  userId: 1,
  createdAt: 0,
  isMessage: true,
  unavailable: undefined,
  bytes: 100
})

describe('after a delivery that took 10 ms', () => {
  test('the entries of the next 3 ms are delivered together', async () => {
    const { deliveries, commit, wait } = start(10)
    commit(1)
    await wait(0)
    expect(deliveries).toEqual([1])
    commit(2)
    await wait(1)
    commit(3)
    await wait(1)
    expect(deliveries).toEqual([1])
    await wait(1)
    expect(deliveries).toEqual([1, 5])
  })

  test('an entry that arrives later than 3 ms is delivered at once', async () => {
    const { deliveries, commit, wait } = start(10)
    commit(1)
    await wait(0)
    await wait(3)
    commit(1)
    await wait(0)
    expect(deliveries).toEqual([1, 1])
  })

  test('the pending entries are part of the history', async () => {
    const { room, commit, wait } = start(10)
    commit(1)
    await wait(0)
    commit(1)
    expect([room.head, room.tail]).toEqual([1, 2])
  })

  test.for(['deliver', 'changed'] as const)(
    '`%s` delivers the pending entries at once, and no timer remains',
    async name => {
      const { room, deliveries, commit, wait } = start(10)
      commit(1)
      await wait(0)
      commit(2)
      room[name]()
      expect(deliveries).toEqual([1, 2])
      expect(vi.getTimerCount()).toBe(0)
    }
  )
})

test('the pause is at most 5 ms', async () => {
  const { deliveries, commit, wait } = start(1000)
  commit(1)
  await wait(0)
  commit(1)
  await wait(4)
  expect(deliveries).toEqual([1])
  await wait(1)
  expect(deliveries).toEqual([1, 1])
})

test('a room without subscribers does not pause', async () => {
  const { room, commit, wait } = start(10)
  room.subscribers.clear()
  commit(1)
  await wait(0)
  commit(1)
  await wait(0)
  expect(room.head).toBe(2)
})
