/** Tests lists of messages and notices in the database: which entries they contain, and how many rows they read. */
import { expect, test } from 'vitest'
import type { Extent, NewEntry } from '../../src/db/database.ts'
import { analyze, testDatabase } from '../support/database.ts'
import fc from '../support/properties.ts'

const start = async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const roomId = (await database.rooms.findByName('general'))?.id ?? 0
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  const append = async (kinds: readonly string[]): Promise<void> => {
    const entry = { roomId, userId: 1, content: 'token', meta: null, keyId: null }
    if (kinds.length > 0)
      await database.messages.append(kinds.map((kind, at): NewEntry => ({ ...entry, kind, writeId: `w${at}` })))
  }
  return { database, roomId, sql, append }
}

const seqsOf = (runs: readonly Extent[]): number[] =>
  runs.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at))

test('a list contains exactly the messages and the notices, in both directions', async () => {
  const { database, roomId, sql, append } = await start()
  const { messages } = database
  const isNotice = (kind: string): boolean => kind.includes('.')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('message', 'wave', 'wave', 'acme.order'), { minLength: 1, maxLength: 24 }),
      async kinds => {
        for (const table of ['messages', 'others']) await sql(`delete from @${table}`)
        await sql('update @rooms set last_seq = 0')
        await append(kinds)
        const listed = kinds.flatMap((kind, at) => (kind === 'message' || isNotice(kind) ? [at + 1] : []))
        for (let at = 0; at <= kinds.length; at++) {
          for (const count of [1, 2, 5, kinds.length + 1]) {
            const before = await messages.runsBefore(roomId, at, count, true)
            expect(seqsOf(before), `${count} up to ${at}`).toEqual(listed.filter(seq => seq <= at).slice(-count))
            const after = await messages.runsAfter(roomId, at, kinds.length, count, true)
            expect(seqsOf(after), `${count} from ${at}`).toEqual(listed.filter(seq => seq >= at).slice(0, count))
          }
        }
        const [first, last] = [listed.at(0) ?? 0, listed.at(-1) ?? 0]
        expect(await messages.extent(roomId, 1, 99, 'notices')).toEqual(first ? { first, last } : undefined)
      }
    ),
    { numRuns: 25 }
  )
})

test('a list reads a number of rows that depends only on its length', async () => {
  const { database, roomId, sql } = await start()
  const { client, schema } = database
  // The log contains two messages, 10,000 other entries, a notice, 10,000 other entries, and 10,000 notices in a row.
  const counts = [10_000, 1, 10_000, 10_000]
  let seq = 2
  let n = 0
  for (const [at, count] of counts.entries()) {
    await sql(`insert into @others (room_id, seq, message_seq, n, is_notice)
      select ${roomId}, ${seq} + m, 2, ${n} + m, ${at % 2 === 1 || at === 3} from generate_series(1, ${count}) as m`)
    seq += count
    n += count
  }
  await analyze(schema, 'others')
  const read = (look: string): Promise<{ rows: number; runs: Extent[] }> =>
    client.transaction(async ({ query }) => {
      const fetched = async (): Promise<number> => {
        const [row] = await query<{ count: number }>(
          `select coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::integer as count from pg_stat_xact_user_tables
           where schemaname = $1 and relname = 'others'`,
          [schema]
        )
        return row?.count ?? 0
      }
      const before = await fetched()
      const runs = await query<Extent>(look.replaceAll('@', `"${schema}".`))
      return { rows: (await fetched()) - before, runs }
    })

  const oldest = await read(`select * from @chat_listed_before(${roomId}, 20003, 50, true)`)
  expect(oldest.runs).toEqual([
    { first: 10_003, last: 10_003 },
    { first: 1, last: 2 }
  ])
  const newest = await read(`select * from @chat_listed_before(${roomId}, ${seq}, 50, true)`)
  expect(newest.runs).toEqual([{ first: seq - 49, last: seq }])
  const next = await read(`select * from @chat_listed_after(${roomId}, 1, ${seq}, 5, true)`)
  expect(next.runs).toEqual([
    { first: 1, last: 2 },
    { first: 10_003, last: 10_003 },
    { first: 20_004, last: 20_005 }
  ])
  for (const { rows } of [oldest, newest, next]) expect(rows).toBeLessThan(200)
})
