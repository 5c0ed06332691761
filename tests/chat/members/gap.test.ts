/**
 * Tests rooms whose next entries cannot be read anymore. If the room is private or direct, the connections of all subscribers
 * are ended, because a missing entry may be the removal of a subscriber.
 */
import { expect, test } from 'vitest'
import type { Entry } from '../../../src/chat/log/entry.ts'
import type { PageCache } from '../../../src/chat/log/page-cache.ts'
import { Room } from '../../../src/chat/rooms/room.ts'
import type { Visibility } from '../../../src/db/tables.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { testSubscriber } from '../../support/subscriber.ts'

const start = (visibility: Visibility) => {
  const seen: string[] = []
  const entry = (seq: number) =>
    ({ seq, frame: Buffer.from(`${seq}`), head: Buffer.alloc(0), bytes: 1 }) as unknown as Entry
  const pages = {
    version: 0,
    forget() {},
    add() {},
    from: async (_: number, from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, at) => entry(from + at)).filter(({ seq }) => seq > 10)
  } as unknown as PageCache<Entry>
  const row = { id: 1, name: 'p.r', title: null, epoch: 'e', lastSeq: 5, oldestSeq: 1, visibility }
  const onMissed = () => void seen.push('unloaded')
  const room = new Room({ ...row, pages, log: silentLog, clock: { monotonic: () => 0 }, onMissed })
  const subscriber = testSubscriber({
    deliver: (_, head) => void seen.push(`delivered ${head}`),
    broken: reason => void seen.push(reason),
    interrupt() {
      seen.push('interrupted')
      room.subscribers.delete(subscriber)
    }
  })
  room.subscribers.add(subscriber)
  return { room, seen }
}

test('after a gap, the subscribers of a private room receive nothing', async () => {
  const { room, seen } = start('private')
  room.grown(13)
  await room.caughtUp()
  expect(seen).toEqual(['expired', 'interrupted', 'unloaded'])
})

test('in a new incarnation of the log, the subscribers of a direct room receive nothing', async () => {
  const { room, seen } = start('direct')
  await room.reaches({ epoch: 'f', lastSeq: 3, oldestSeq: 1 })
  expect(seen).toEqual(['epoch', 'interrupted', 'unloaded'])
})

test('after a gap, the subscribers of a public room receive the following entries', async () => {
  const { room, seen } = start('public')
  room.grown(13)
  await room.caughtUp()
  await Promise.resolve()
  expect(seen).toEqual(['expired', 'delivered 13'])
})
