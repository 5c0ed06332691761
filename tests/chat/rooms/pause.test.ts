/** Tests that a room pauses after a long delivery, and delivers the entries that arrive during the pause together. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Entry } from '../../../src/chat/log/entry.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { Room } from '../../../src/chat/rooms/room.ts'
import { entryAt } from '../../support/entry.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { testSubscriber } from '../../support/subscriber.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/**
 * Creates a room with one subscriber. Each delivery to the subscriber takes `ms` milliseconds, as measured by the clock of the
 * room.
 */
const start = (ms: number) => {
  const clock = { now: 1000, monotonic: () => clock.now }
  const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined })
  const row = { id: 1, name: 'general', title: null, epoch: 'e', lastSeq: 0, oldestSeq: 1 }
  const room = new Room({ ...row, pages, log: silentLog, clock })
  const deliveries: number[] = []
  const subscriber = testSubscriber({
    deliver({ frames }) {
      deliveries.push(frames.length)
      clock.now += ms
    }
  })
  room.subscribers.add(subscriber)
  let seq = 0
  /** Appends and commits `count` entries. If `isStarted` is true, the test has already started these appends. */
  const commit = (count: number, { isStarted = false } = {}) => {
    if (!isStarted) for (let at = 0; at < count; at++) room.appendStarted()
    for (let at = 0; at < count; at++) {
      room.appendEnded()
      room.committed(entryAt(++seq))
    }
  }
  const wait = async (ms: number) => {
    clock.now += ms
    await vi.advanceTimersByTimeAsync(ms)
  }
  const turn = () => new Promise(setImmediate)
  return { room, deliveries, commit, wait, turn }
}

describe('after a delivery that took 4 ms', () => {
  /** Delivers one entry, and starts the append of another one. */
  const startAppend = async () => {
    const started = start(4)
    started.commit(1)
    await started.wait(0)
    expect(started.deliveries).toEqual([1])
    started.room.appendStarted()
    return started
  }

  test('entries wait for an entry that is being appended, and are delivered with it', async () => {
    const { deliveries, commit, wait, turn } = await startAppend()
    commit(2)
    await wait(1)
    await turn()
    expect(deliveries).toEqual([1])
    commit(1, { isStarted: true })
    await turn()
    expect(deliveries).toEqual([1, 3])
  })

  test('entries wait for at most 4 ms', async () => {
    const { deliveries, commit, wait } = await startAppend()
    commit(2)
    await wait(3)
    expect(deliveries).toEqual([1])
    await wait(1)
    expect(deliveries).toEqual([1, 2])
  })

  test('an entry that is committed later than 4 ms is delivered at once', async () => {
    const { deliveries, commit, wait } = await startAppend()
    await wait(4)
    commit(1)
    await wait(0)
    expect(deliveries).toEqual([1, 1])
  })

  test('an entry does not wait if no other entry is being appended, except for messages that were already received', async () => {
    const { room, deliveries, commit, turn } = await startAppend()
    commit(1, { isStarted: true })
    expect(deliveries).toEqual([1])
    await turn()
    expect(deliveries).toEqual([1, 1])
    commit(1)
    room.appendStarted()
    await turn()
    expect(deliveries).toEqual([1, 1])
  })

  test('the pending entries are part of the history', async () => {
    const { room, commit } = await startAppend()
    commit(1)
    expect([room.head, room.tail]).toEqual([1, 2])
  })

  test.for(['deliver', 'changed'] as const)(
    '`%s` delivers the pending entries at once, and no timer remains',
    async name => {
      const { room, deliveries, commit } = await startAppend()
      commit(2)
      room[name]()
      expect(deliveries).toEqual([1, 2])
      expect(vi.getTimerCount()).toBe(0)
    }
  )
})

test('entries wait for at most 5 ms after a longer delivery', async () => {
  const { room, deliveries, commit, wait } = start(1000)
  commit(1)
  await wait(0)
  room.appendStarted()
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
  room.appendStarted()
  commit(1)
  await wait(0)
  expect(room.head).toBe(2)
})
