/**
 * The append function side by side with bare inserts, in one run on PostgreSQL: `npx tsx tests/bench/append.ts`.
 * The peers store the same rows without numbering, look-ups or locks; ratios are what counts, the machine is noisy.
 */
import { randomBytes } from 'node:crypto'
import { openClient } from '../../src/db/client.ts'
import { createDatabase, type NewEntry } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { median, report, seconds } from './measure.ts'

const ROUNDS = 5
const BATCH = 200
const content = `gAAAAA${'x'.repeat(300)}`

const url = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const schema = `bench_${randomBytes(4).toString('hex')}`
const client = await openClient({ url, poolMax: 4 })
await migrateUp(client, schema)
const { messages, users, rooms } = createDatabase(client, schema)
const user = await users.create({ username: 'bench', hashedPassword: null })
const room = await rooms.findByName('general')
if (!room) throw new Error('the first room is missing')

let written = 0
const entries = (count: number): NewEntry[] =>
  Array.from({ length: count }, () => ({
    roomId: room.id,
    userId: user.id,
    writeId: `w${written++}`,
    kind: 'message',
    content,
    meta: null,
    keyId: 'k'
  }))

// The same columns and indexes as the log, and the same with the foreign keys that it goes without.
for (const name of ['bare', 'keyed']) {
  await client.query(`create table ${schema}.${name} (like ${schema}.messages including all)`)
}
await client.query(`alter table ${schema}.keyed add foreign key (room_id) references ${schema}.rooms (id)`)
await client.query(`alter table ${schema}.keyed add foreign key (user_id) references ${schema}.users (id)`)
const insertInto = (table: string) => (batch: NewEntry[]) =>
  client.query(
    `insert into ${schema}.${table} (room_id, seq, id, kind, user_id, content, key_id, write_id, created_at)
     select 1, s, s, 'message', u, c, 'k', w, now() from unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) as r (s, u, c, w)`,
    [
      batch.map(({ writeId }) => writeId.slice(1)),
      batch.map(() => user.id),
      batch.map(() => content),
      batch.map(e => e.writeId)
    ]
  )

const subjects = {
  'bare insert': insertInto('bare'),
  'bare insert, foreign keys': insertInto('keyed'),
  chat_append: (batch: NewEntry[]) => messages.append(batch)
}

const rowsPerSecond = async (work: (batch: NewEntry[]) => Promise<unknown>, size: number, times: number) => {
  const took = await seconds(async () => {
    for (let at = 0; at < times; at++) await work(entries(size))
  })
  return (size * times) / took
}

for (const [size, times] of [
  [1, 300],
  [BATCH, 40]
] as const) {
  const results = new Map<string, number[]>()
  // Interleaved, so that what else the machine does falls on all alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(subjects)) {
      results.set(name, [...(results.get(name) ?? []), await rowsPerSecond(work, size, times)])
    }
  }
  report(`rows a second, batches of ${size}`, new Map([...results].map(([name, all]) => [name, median(all)])))
}

await client.query(`drop schema ${schema} cascade`)
await client.close()
