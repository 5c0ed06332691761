/**
 * Tests a process with 70,000 rooms. PostgreSQL allows at most 65,535 parameters in a statement, so a query cannot have a
 * parameter for each room.
 */
import { expect, test } from 'vitest'
import type { Entry } from '../../src/chat/log/entry.ts'
import { createPageCache } from '../../src/chat/log/page-cache.ts'
import { createRoomRegistry } from '../../src/chat/rooms/registry.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { testDatabase } from '../support/database.ts'
import { testSubscriber } from '../support/subscriber.ts'

const COUNT = 70_000
const failures: unknown[] = []
const log = { debug() {}, info() {}, warn: (fields: object) => failures.push(fields), error() {} }

test('it detects a change among 70,000 subscribed rooms without a large statement', async () => {
  const { rooms: repository, messages, client, schema } = await testDatabase()
  await client.query(
    `insert into "${schema}".rooms (name) select 'room-' || at from generate_series(1, ${COUNT}) as at`
  )
  const pages = createPageCache<Entry>({ read: async () => [], firstSeq: async () => undefined })
  const rooms = createRoomRegistry({ repository, pages, log, clock: systemClock })
  let after = ''
  for (;;) {
    const page = { userId: 0, after, query: '', isMine: false, examined: 10_000, limit: 10_000 }
    const { rooms: rows } = await repository.search(page)
    for (const row of rows) {
      rooms.adopt(row).subscribers.add(testSubscriber())
      after = row.name
    }
    if (rows.length === 0) break
  }
  const grown = rooms.get('room-69999')
  await messages.append([
    { roomId: grown?.id ?? 0, userId: 1, writeId: 'w', kind: 'message', content: 't', meta: null, keyId: 'k' }
  ])
  const query = client.query
  const sizes: number[] = []
  Object.assign(client, {
    query: (text: string, params: readonly unknown[] = []) => {
      sizes.push(JSON.stringify(params).length)
      return query(text, params)
    }
  })
  await client.query(`update "${schema}".rooms set epoch = 'other' where id = $1`, [grown?.id])
  await rooms.look()
  Object.assign(client, { query })
  expect(grown?.epoch).toBe('other')
  expect(Math.max(...sizes)).toBeLessThan(100_000)
  expect(failures).toEqual([])
}, 300_000)
