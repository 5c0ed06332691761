/** Tests that cached responses do not keep removed pages in memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { message } from '../../../src/chat/kinds/message.ts'
import { type Entry, makeEntry } from '../../../src/chat/log/entry.ts'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { type CachedList, createPageItems } from '../../../src/chat/log/page-items.ts'

test('responses do not keep the pages that the cache has removed', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const maxBytes = 4 * 1024 * 1024
  const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined, maxBytes })
  const find = createPageItems(pages)
  const add = (roomId: number, seq: number, length: number) => {
    const place = { id: seq, room: 'r', seq, user_id: 1, username: 'u' }
    pages.add(roomId, makeEntry(message, place, { body: { content: 'x'.repeat(length) } }, 1e12))
  }
  const list = (roomId: number, first: number, last: number): CachedList => ({
    roomId,
    runs: [{ first, last }],
    listed: 'messages',
    isNewest: last === 66
  })
  const used = () => {
    gc()
    gc()
    return process.memoryUsage().arrayBuffers
  }
  const before = used()
  const ROOMS = 60
  for (let room = 1; room <= ROOMS; room++) {
    for (let seq = 1; seq <= 64; seq++) add(room, seq, 12_000)
    add(room, 65, 1)
    add(room, 66, 1)
    // Reads the newest three messages of this room.
    find(list(room, 64, 66), 64 * 1024)?.json('[', ']')
    // Reads one message of each room, like a request with ?before=66&limit=1.
    for (let known = 1; known <= room; known++) find(list(known, 65, 65), 64 * 1024)?.json('[', ']')
  }
  expect(used() - before).toBeLessThan(4 * maxBytes)
  // Uses the cache after the measurement. Otherwise, the garbage collector could remove the cache before the measurement.
  expect(find(list(1, 65, 66), 64 * 1024)).toBeDefined()
})
