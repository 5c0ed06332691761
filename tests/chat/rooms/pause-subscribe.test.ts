/**
 * Tests subscriptions while a room holds entries back during a pause, or while it reads acknowledged entries from the database.
 */
import { expect, test } from 'vitest'
import { createMemoryBus } from '../../../src/bus/drivers/memory.ts'
import type { Entry } from '../../../src/chat/log/entry.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { createRoomRegistry } from '../../../src/chat/rooms/registry.ts'
import { createSubscriptionManager } from '../../../src/chat/subscriptions/manager.ts'
import { fakeClock } from '../../support/clock.ts'
import { entryAt } from '../../support/entry.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { testSubscriber } from '../../support/subscriber.ts'

const start = () => {
  const clock = fakeClock()
  let last = 1
  const pages = createPageCache<Entry>({
    read: async (_, from, to) =>
      Array.from({ length: Math.max(0, Math.min(to, last) - from + 1) }, (_, at) => entryAt(from + at)),
    firstSeq: async () => undefined
  })
  const repository = { findByNames: async () => [], changed: async () => [] } as never
  const rooms = createRoomRegistry({ repository, pages, log: silentLog, clock })
  const row = { id: 1, name: 'general', title: null, epoch: 'e', lastSeq: 0, oldestSeq: 1, hasOthers: false }
  const room = rooms.adopt(row as never)
  room.subscribers.add(testSubscriber({ deliver: () => void clock.advance(4) }))
  const manager = createSubscriptionManager({
    rooms,
    bus: createMemoryBus(),
    clock,
    reach: async () => ({ epoch: 'e', lastSeq: last, oldestSeq: 1 }),
    standingIn: async () => ({}),
    isDraining: () => false
  })
  const frames: { type: string; seq?: number; reason?: string }[] = []
  const parse = (frame: { frame: Buffer; head: number }) =>
    void frames.push(JSON.parse(frame.frame.subarray(frame.head).toString()))
  const connection = {
    isEnded: false,
    principal: { userId: 2, username: 'x' },
    subscriptions: new Map(),
    log: silentLog,
    reply: parse,
    outgoing: {
      mayCatchUp: true,
      write: ({ frames }: { frames: { frame: Buffer; head: number }[] }) => {
        for (const one of frames) parse(one)
        return true
      },
      hint: () => true
    }
  } as never
  return {
    room,
    manager,
    connection,
    frames,
    setLast: (seq: number) => {
      last = seq
    }
  }
}

const longDelivery = async ({ room }: ReturnType<typeof start>) => {
  room.appendStarted()
  room.appendEnded()
  room.committed(entryAt(1))
  await Promise.resolve()
  await Promise.resolve()
  expect(room.head).toBe(1)
}

/** Commits entry 2: it is acknowledged, but the room holds it back, because another entry is being appended. */
const heldBack = (it: ReturnType<typeof start>) => {
  it.room.appendStarted()
  it.room.appendStarted()
  it.room.appendEnded()
  it.setLast(2)
  it.room.committed(entryAt(2))
  expect(it.room.head).toBe(1)
}

test('a subscription after an entry that the room holds back is not ahead of the log', async () => {
  const it = start()
  await longDelivery(it)
  heldBack(it)
  await it.manager.subscribe(it.connection, it.room, { type: 'subscribe', room: 'general', after: 2, epoch: 'e' })
  expect(it.frames[0]).toMatchObject({ type: 'subscribed', seq: 2 })
})

test('a subscription after an entry of another process reads the entry, and is not ahead of the log', async () => {
  const it = start()
  await longDelivery(it)
  it.setLast(2)
  await it.manager.subscribe(it.connection, it.room, { type: 'subscribe', room: 'general', after: 2, epoch: 'e' })
  expect(it.frames[0]).toMatchObject({ type: 'subscribed', seq: 2 })
})

test('a new subscription without `after` reports the `seq` of an entry that the room holds back', async () => {
  const it = start()
  await longDelivery(it)
  heldBack(it)
  await it.manager.subscribe(it.connection, it.room, { type: 'subscribe', room: 'general' })
  expect(it.frames[0]).toMatchObject({ type: 'subscribed', seq: 2 })
})

test('a repeated subscription without `after` does not miss an entry that the room holds back', async () => {
  const it = start()
  await longDelivery(it)
  await it.manager.subscribe(it.connection, it.room, { type: 'subscribe', room: 'general' })
  heldBack(it)
  await it.manager.subscribe(it.connection, it.room, { type: 'subscribe', room: 'general' })
  it.room.deliver()
  const shown = it.frames.filter(({ type }) => type === 'subscribed' || type === 'message')
  expect(shown).toMatchObject([
    { type: 'subscribed', seq: 1 },
    { type: 'message', seq: 2 },
    { type: 'subscribed', seq: 2 }
  ])
})

test.for([undefined, 2])(
  'a subscription waits until the room has read an acknowledged entry (after: %s)',
  async after => {
    const it = start()
    await longDelivery(it)
    it.setLast(2)
    // -1 is not the current version of the room. So the room does not add the entry, but reads it from the database.
    it.room.committed(entryAt(2), -1)
    expect(it.room.tail).toBe(1)
    await it.manager.subscribe(it.connection, it.room, {
      type: 'subscribe',
      room: 'general',
      ...(after ? { after } : {})
    })
    expect(it.frames[0]).toMatchObject({ type: 'subscribed', seq: 2 })
  }
)

test('a subscription does not wait for entries that become known later', async () => {
  const it = start()
  it.setLast(1)
  it.room.grown(1)
  const waiting = it.room.caughtUp().then(() => it.room.tail)
  for (let seq = 2; seq <= 50; seq++) {
    it.setLast(seq)
    it.room.grown(seq)
  }
  expect(await waiting).toBeLessThan(50)
  await it.room.caughtUp()
  expect(it.room.tail).toBe(50)
})
