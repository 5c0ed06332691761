/** Tests that concurrent appends leave no gaps in `seq`, store no entry twice, and never decrease `created_at`. */
import { describe, expect, test } from 'vitest'
import { type AppendedEntry, type ChatDatabase, createDatabase, type NewEntry } from '../../src/db/database.ts'
import { analyze, testClient, testDatabase } from '../support/database.ts'

const start = async () => {
  const database = await testDatabase()
  const user = await database.users.create({ username: 'john', hashedPassword: null })
  const room = await database.rooms.findByName('general')
  if (!room) throw new Error('The database has no room "general".')
  const entry = (writeId: string, changed: Partial<NewEntry> = {}): NewEntry => ({
    roomId: room.id,
    userId: user.id,
    writeId,
    kind: 'message',
    content: `token of ${writeId}`,
    meta: null,
    keyId: 'k',
    ...changed
  })
  /** Appends entries. Throws if the database refuses one of them. */
  const append = async (...batch: NewEntry[]): Promise<AppendedEntry[]> => {
    const results = await database.messages.append(batch)
    return results.map(result => {
      if ('refused' in result) throw new Error(result.refused)
      return result
    })
  }
  return { database, room, user, entry, append }
}

const addRoom = async ({ client, schema }: ChatDatabase, name: string): Promise<number> => {
  const [row] = await client.query<{ id: number }>(`insert into "${schema}".rooms (name) values ($1) returning id`, [
    name
  ])
  return row?.id ?? 0
}

describe('an append', () => {
  test('numbers the entries of a batch in order, after the last seq of the room', async () => {
    const { database, entry, room, append } = await start()
    const first = await append(entry('a'), entry('b'))
    const second = await append(entry('c'))
    expect([...first, ...second].map(({ seq, id }) => [seq, id])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3]
    ])
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 3, oldestSeq: 1 })
    await expect(database.messages.range(room.id, 1, 129)).rejects.toThrow(RangeError)
    expect(await database.messages.range(room.id, 1, 128)).not.toEqual([])
    const stored = await database.messages.range(room.id, 2, 3)
    expect(stored.map(({ seq, content, username, writeId }) => [seq, content, username, writeId])).toEqual([
      [2, 'token of b', 'john', 'b'],
      [3, 'token of c', 'john', 'c']
    ])
  })

  test('returns the seq and the stored entry for a known write id', async () => {
    const { database, entry } = await start()
    const [first] = await database.messages.append([entry('a', { meta: 'meta token' })])
    const again = await database.messages.append([entry('new'), entry('a', { content: 'other' })])
    expect(first).toMatchObject({ seq: 1, outcome: 'stored', stored: null })
    expect(again).toEqual([
      expect.objectContaining({ seq: 2, outcome: 'stored' }),
      {
        ...first,
        outcome: 'replayed',
        stored: { kind: 'message', targetSeq: null, content: 'token of a', meta: 'meta token', detail: null }
      }
    ])
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 2 })
  })

  test('stores nothing for a known write id, and uses no number for it', async () => {
    const { database, entry, append } = await start()
    const first = await append(entry('a'), entry('b'))
    expect(await append(entry('a'))).toMatchObject([
      { ...first[0], outcome: 'replayed', stored: { content: 'token of a' } }
    ])
    expect(await append(entry('b'), entry('a'))).toMatchObject([
      { ...first[1], outcome: 'replayed', stored: { content: 'token of b' } },
      { ...first[0], outcome: 'replayed', stored: { content: 'token of a' } }
    ])
    expect(await append(entry('c'))).toMatchObject([{ seq: 3, outcome: 'stored' }])
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 3 })
  })

  test('requires a write id to be unique per room and user only', async () => {
    const { database, entry, append } = await start()
    const jane = await database.users.create({ username: 'jane', hashedPassword: null })
    const other = await addRoom(database, 'other')
    const appended = await append(entry('same'), entry('same', { userId: jane.id }), entry('same', { roomId: other }))
    expect(appended.map(({ seq, outcome }) => [seq, outcome])).toEqual([
      [1, 'stored'],
      [2, 'stored'],
      [1, 'stored']
    ])
  })

  test('stores no entry of a batch if one contains a NUL', async () => {
    const { database, entry } = await start()
    await expect(database.messages.append([entry('a'), entry('b', { content: '\u0000' })])).rejects.toThrow()
    const [only] = await database.messages.append([entry('c')])
    expect(only).toMatchObject({ seq: 1 })
  })

  test('refuses single entries with a code, and stores the others without a gap', async () => {
    const { database, room, entry, append } = await start()
    await append(entry('a'))
    const wave = { kind: 'wave', content: null, keyId: null }
    const results = await database.messages.append([
      entry('no room', { roomId: 999 }),
      entry('b', { targetSeq: 1 }),
      entry('no message', { ...wave, targetSeq: 9 }),
      entry('wave', { ...wave, targetSeq: 1, detail: '{"n":1}' }),
      entry('a', { targetSeq: 9 })
    ])
    expect(results).toMatchObject([
      { refused: 'room_not_found' },
      { seq: 2, outcome: 'stored' },
      { refused: 'message_not_found' },
      { seq: 3, outcome: 'stored', stored: null },
      { seq: 1, outcome: 'replayed' }
    ])
    // The target of the first entry is not a message. The second entry has a known write id, so its stored entry is returned.
    expect(
      await database.messages.append([entry('on a wave', { targetSeq: 3 }), entry('wave', { ...wave, targetSeq: 3 })])
    ).toMatchObject([
      { refused: 'message_not_found' },
      { seq: 3, stored: { kind: 'wave', targetSeq: 1, content: null, detail: '{"n": 1}' } }
    ])
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 3 })
    expect(await database.messages.range(room.id, 2, 3)).toMatchObject([
      { kind: 'message', targetSeq: 1, detail: null },
      { kind: 'wave', targetSeq: 1, detail: '{"n":1}' }
    ])
  })

  test('appends only messages while processes of an older release may run', async () => {
    const { database, entry, append } = await start()
    const wave = entry('wave', { kind: 'wave' })
    await database.client.query(`delete from "${database.schema}".upgrades`)
    expect(await database.messages.append([wave, entry('a')])).toMatchObject([
      { refused: 'upgrade_pending' },
      { seq: 1 }
    ])
    await database.client.query(`insert into "${database.schema}".upgrades (step) values ('kinds')`)
    expect(await append(wave)).toMatchObject([{ seq: 2, outcome: 'stored' }])
  })

  test('finds where a list of messages begins, regardless of other entries between them', async () => {
    const { database, room, entry, append } = await start()
    // The messages have the seqs 1, 4, 5, 6 and 10.
    const kinds = [
      'message',
      'wave',
      'wave',
      'message',
      'message',
      'message',
      'wave',
      'wave',
      'wave',
      'message',
      'wave'
    ]
    const all = kinds.map((kind, at) => entry(`w${at}`, { kind }))
    // The batches end within the groups of consecutive waves (2 to 3, and 7 to 9), so that each group spans two batches.
    await append(...all.slice(0, 2))
    await append(...all.slice(2, 8))
    await append(...all.slice(8))
    const messages = kinds.flatMap((kind, at) => (kind === 'message' ? [at + 1] : []))
    const listed = (runs: readonly { first: number; last: number }[]): number[] =>
      runs.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at))
    for (let at = 0; at <= kinds.length; at++) {
      for (let count = 1; count <= messages.length + 1; count++) {
        const before = await database.messages.runsBefore(room.id, at, count)
        expect(listed(before), `${count} up to ${at}`).toEqual(messages.filter(seq => seq <= at).slice(-count))
        const after = await database.messages.runsAfter(room.id, at, kinds.length, count)
        expect(listed(after), `${count} from ${at}`).toEqual(messages.filter(seq => seq >= at).slice(0, count))
        const until = await database.messages.runsAfter(room.id, 1, at, count)
        expect(listed(until), `${count} until ${at}`).toEqual(messages.filter(seq => seq <= at).slice(0, count))
      }
    }
  })

  test('never decreases the time, even if the clock is set back', async () => {
    const { database, entry, room, append } = await start()
    const future = Date.now() + 3_600_000
    await database.client.query(
      `update "${database.schema}".rooms set last_at = to_timestamp($1::float8 / 1000) where id = $2`,
      [future, room.id]
    )
    const [first] = await append(entry('a'))
    const [second] = await append(entry('b'))
    expect(first?.createdAt).toBe(future)
    expect(second?.createdAt).toBe(future)
  })

  test('returns the same time as the history', async () => {
    const { database, entry, room, append } = await start()
    const [appended] = await append(entry('a'))
    const [stored] = await database.messages.range(room.id, 1, 9)
    expect(stored?.createdAt).toBe(appended?.createdAt)
    expect(Number.isInteger(appended?.createdAt)).toBe(true)
  })

  test('rejects an isolation level with a snapshot that is older than its locks', async () => {
    const { database } = await start()
    const attempt = database.client.transaction(async transaction => {
      await transaction.exec('set transaction isolation level repeatable read')
      await transaction.query(
        `select * from "${database.schema}".chat_append_entries(
          '{1}', '{1}', '{a}', '{message}', '{null}', '{x}', '{null}', '{k}', '{null}')`
      )
    })
    await expect(attempt).rejects.toThrow(/read committed/)
  })

  test.each([
    ['of two rooms', [20, 20, 20, 20], 2],
    ['of one room', [1, 7, 20, 60], 1]
  ])(
    'leaves no gap and stores nothing twice if 300 write ids are appended concurrently in batches %s',
    async (_, sizes, rooms) => {
      const { database, entry } = await start()
      const other = await addRoom(database, 'other')
      const ids = Array.from({ length: 300 }, (_, at) => `w${at}`)
      const shuffled = (by: number) => ids.map((_, at) => ids[(at * by + 7 * by) % ids.length] ?? '')
      const race = async (order: string[], size = 0) => {
        for (let at = 0; at < order.length; at += size) {
          const batch = order.slice(at, at + size)
          const both = batch.flatMap(id => [entry(id), entry(id, { roomId: other })])
          await database.messages.append(rooms === 2 ? both : both.filter(({ roomId }) => roomId === other))
        }
      }
      const orders = [shuffled(1), shuffled(7), shuffled(11), [...ids].reverse()]
      await Promise.all(orders.map((order, at) => race(order, sizes[at])))
      const [row] = await database.client.query<Record<string, number>>(
        `select count(*)::int as entries, count(distinct write_id)::int as ids, min(seq)::int as lowest,
         max(seq)::int as highest, count(distinct seq)::int as seqs
       from "${database.schema}".messages where room_id = $1`,
        [other]
      )
      expect(row).toEqual({ entries: 300, ids: 300, lowest: 1, highest: 300, seqs: 300 })
      const [times] = await database.client.query<{ steps_back: number }>(
        `select count(*)::int as steps_back from (
         select created_at < lag(created_at) over (partition by room_id order by seq) as back
         from "${database.schema}".messages) as steps where back`
      )
      expect(times?.steps_back).toBe(0)
    }
  )

  test('looks up write ids with the index, and never scans the table', async () => {
    const { database, entry } = await start()
    for (let batch = 0; batch < 25; batch++) {
      await database.messages.append(Array.from({ length: 200 }, (_, at) => entry(`fill-${batch}-${at}`)))
    }
    await analyze(database.schema, 'messages')
    // Uses one transaction, because only the connection of a transaction can read its exact statistics. They also count what the
    // connection did in the last second before the transaction.
    await database.client.transaction(async ({ query }) => {
      const { messages } = createDatabase({ ...database.client, query }, database.schema)
      const counted = async () => {
        const [row] = await query<{ rows: number }>(
          `select seq_tup_read::int as rows from pg_stat_xact_user_tables where schemaname = $1 and relname = 'messages'`,
          [database.schema]
        )
        return row?.rows ?? 0
      }
      const before = await counted()
      const scanned = async () => (await counted()) - before
      const batch = Array.from({ length: 200 }, (_, at) => entry(`again-${at}`))
      await messages.append(batch)
      await messages.append(batch)
      expect(await scanned()).toBe(0)
      await query(`select count(content) from "${database.schema}".messages`)
      expect(await scanned(), 'the counter that this test reads').toBe(5200)
    })
  })

  test('looks up the mentioned users of a message once', async () => {
    const { database, user, entry } = await start()
    const { schema } = database
    // Only a superuser may set `track_functions`.
    const client = await testClient()
    await client.transaction(async transaction => {
      await transaction.exec(`set local track_functions = 'all'`)
      const { messages } = createDatabase({ ...client, query: transaction.query }, schema)
      const mentions = { mentions: [user.id, user.id + 1] }
      const [appended] = await messages.append([entry('a', { detail: JSON.stringify(mentions) })])
      expect(appended).toMatchObject({ detail: `{"mentions": [${user.id}]}` })
      const calls = await transaction.query<{ calls: number }>(
        `select calls::integer from pg_stat_xact_user_functions where schemaname = $1 and funcname = 'chat_mentions_of'`,
        [schema]
      )
      expect(calls).toEqual([{ calls: 1 }])
    })
  })
})
