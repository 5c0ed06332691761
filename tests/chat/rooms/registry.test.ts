import { expect, test } from 'vitest'
import type { Entry } from '../../../src/chat/log/entry.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { createRoomRegistry } from '../../../src/chat/rooms/registry.ts'
import type { RoomsRepository } from '../../../src/db/database.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'

const start = (names = ['general'], maxIdle?: number) => {
  const { rooms: repository, messages } = createMemoryLog(names)
  const queried: number[] = []
  const changed: RoomsRepository['changed'] = known => {
    queried.push(known.length)
    return repository.changed(known)
  }
  const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined })
  const bounds = maxIdle === undefined ? {} : { maxIdle }
  const rooms = createRoomRegistry({
    repository: { ...repository, changed },
    pages,
    log: silentLog,
    clock: { monotonic: () => 0 },
    ...bounds
  })
  return Object.assign(rooms, { queried, messages })
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
  subscribed?.subscribers.add({ deliver() {}, hint() {}, replace() {}, broken() {} })
  for (const name of names) await rooms.load(name)
  await rooms.look()
  expect(rooms.queried.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(151)
  expect(rooms.get('room-0')).toBe(subscribed)
  expect(rooms.get('room-499')).toBeDefined()
  expect(rooms.get('room-1')).toBeUndefined()
})
