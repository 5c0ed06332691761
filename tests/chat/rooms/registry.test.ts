import { describe, expect, test } from 'vitest'
import { type Entry, makeUnknown } from '../../../src/chat/log/entry.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import type { ReadLog } from '../../../src/chat/log/page-loads.ts'
import { createRoomRegistry, type RoomRegistry } from '../../../src/chat/rooms/registry.ts'
import type { RoomsRepository } from '../../../src/db/database.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'
import { testSubscriber } from '../../support/subscriber.ts'

/** The first entry of a room. */
const entry = makeUnknown('wave', { id: 1, room: 'general', seq: 1, user_id: 1, username: 'john' }, 0)

const start = (names = ['general'], maxIdle?: number, read: ReadLog<Entry> = async () => []) => {
  const { rooms: repository, messages } = createMemoryLog(names)
  const queried: number[] = []
  const changed: RoomsRepository['changed'] = known => {
    queried.push(known.length)
    return repository.changed(known)
  }
  const pages = createPageCache<Entry>({ read, firstSeq: async () => undefined })
  const bounds = maxIdle === undefined ? {} : { maxIdle }
  const rooms = createRoomRegistry({
    repository: { ...repository, changed },
    pages,
    log: silentLog,
    clock: { monotonic: () => 0 },
    ...bounds
  })
  return Object.assign(rooms, { queried, messages, pages })
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `room-${at}`)

test('a room without subscribers is removed from memory after a while', async () => {
  const rooms = start()
  await rooms.load('general')
  rooms.sweep()
  expect(rooms.get('general')).toBeDefined()
  rooms.sweep()
  rooms.sweep()
  expect(rooms.get('general')).toBeUndefined()
})

test('a room that was just requested stays in memory, so that its requester can subscribe to it', async () => {
  const rooms = start()
  await rooms.load('general')
  rooms.sweep()
  const room = rooms.get('general')
  rooms.sweep()
  expect(rooms.get('general')).toBe(room)
})

test('it queries many rooms in pages, and starts one further pass for requests during a pass', async () => {
  const names = namesOf(2500)
  const rooms = start(names)
  for (const name of names) await rooms.load(name)
  await Promise.all([rooms.look(), rooms.look(), rooms.look()])
  expect(rooms.queried).toEqual([1000, 1000, 500, 1000, 1000, 500])
})

test('it keeps a bounded number of rooms without subscribers, and every room with subscribers', async () => {
  const names = namesOf(500)
  const rooms = start(names, 100)
  const subscribed = await rooms.load('room-0')
  subscribed?.subscribers.add(testSubscriber())
  for (const name of names) await rooms.load(name)
  await rooms.look()
  expect(rooms.queried.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(151)
  expect(rooms.get('room-0')).toBe(subscribed)
  expect(rooms.get('room-499')).toBeDefined()
  expect(rooms.get('room-1')).toBeUndefined()
})

test('a room that is loaded again does not use pages that were cached while it was not loaded', async () => {
  const rooms = start()
  const { id } = (await rooms.load('general')) ?? { id: 0 }
  for (let sweep = 0; sweep < 3; sweep++) rooms.sweep()
  expect(rooms.get('general')).toBeUndefined()
  // A response that was started before the unload may still read a page, which adds the page to the page cache.
  rooms.pages.add(id, entry)
  await rooms.load('general')
  expect(rooms.pages.page(id, entry.seq)).toBeUndefined()
})

test('a room that reads entries stays in memory', async () => {
  let end = (_: Entry[]): void => {}
  const rooms = start(['general'], undefined, () => new Promise(resolve => (end = resolve)))
  const room = await rooms.load('general')
  room?.grown(1)
  for (let sweep = 0; sweep < 3; sweep++) rooms.sweep()
  expect(rooms.get('general')).toBe(room)
  end([entry])
  await room?.caughtUp()
  for (let sweep = 0; sweep < 3; sweep++) rooms.sweep()
  expect(rooms.get('general')).toBeUndefined()
})

describe('a room that is being loaded', () => {
  /** Starts to load `general`. `change` is called while the row is read. Resolves with the number of queries. */
  const queriesAfter = async (change: (rooms: RoomRegistry, id: number) => void): Promise<number> => {
    const { rooms: repository } = createMemoryLog(['general', 'lobby'])
    let queries = 0
    const findByNames: RoomsRepository['findByNames'] = async names => {
      const rows = await repository.findByNames(names)
      if (queries++ === 0) change(rooms, rows[0]?.id ?? 0)
      return rows
    }
    const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined })
    const options = { repository: { ...repository, findByNames }, pages, log: silentLog, clock: { monotonic: () => 0 } }
    const rooms = createRoomRegistry(options)
    expect(await rooms.load('general')).toBeDefined()
    return queries
  }
  const described = { title: 'New', topic: null, guarded: false, archived: false, oldestSeq: 1 }

  test.each<[string, (rooms: RoomRegistry, id: number) => void, number]>([
    ['is read again if its title was changed', (rooms, id) => rooms.describe(id, described), 2],
    ['is read again if it was deleted', (rooms, id) => rooms.remove(id), 2],
    ['is read again if changes were lost', rooms => rooms.lost(), 2],
    [
      'is not read again if another room was changed or deleted',
      (rooms, id) => {
        for (let other = id + 1; other < id + 500; other++) rooms.describe(other, described)
        rooms.remove(id + 1)
      },
      1
    ],
    [
      'is read again if very many rooms were changed',
      (rooms, id) => {
        for (let other = id; other < id + 5000; other++) rooms.describe(other, described)
      },
      2
    ]
  ])('%s', async (_, change, queries) => {
    expect(await queriesAfter(change)).toBe(queries)
  })
})
