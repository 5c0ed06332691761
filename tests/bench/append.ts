/**
 * Compares the SQL function that appends entries with bare inserts of the same rows. Bare inserts do not assign sequence
 * numbers, look up write ids or lock rooms.
 */
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase, type NewEntry } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { createBenchDatabase } from './database.ts'
import { type Effort, interleave, type Row, seconds } from './rows.ts'

const content = `gAAAAA${'x'.repeat(300)}`

export const append = async ({ rounds }: Effort): Promise<Row[]> => {
  const database = await createBenchDatabase()
  const client = await openClient({ url: database.url, poolMax: 4 })
  await migrateUp(client, 'public')
  const { messages, users, rooms } = createDatabase(client, 'public')
  const user = await users.create({ username: 'bench', hashedPassword: null })
  const room = await rooms.findByName('general')
  if (!room) throw new Error('The room "general" is missing.')

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

  // Both tables have the columns and indexes of the table `messages`. `keyed` also has foreign keys, which `messages` does not
  // have.
  for (const name of ['bare', 'keyed']) {
    await client.query(`create table ${name} (like messages including all)`)
  }
  await client.query(`alter table keyed add foreign key (room_id) references rooms (id)`)
  await client.query(`alter table keyed add foreign key (user_id) references users (id)`)
  const insertInto = (table: string) => (batch: NewEntry[]) =>
    client.query(
      `insert into ${table} (room_id, seq, id, kind, user_id, content, key_id, write_id, created_at)
       select 1, s, s, 'message', u, c, 'k', w, now() from unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) as r (s, u, c, w)`,
      [
        batch.map(({ writeId }) => writeId.slice(1)),
        batch.map(() => user.id),
        batch.map(() => content),
        batch.map(({ writeId }) => writeId)
      ]
    )

  const rows: Row[] = []
  for (const [size, times] of [
    [1, 300],
    [200, 40]
  ] as const) {
    const rowsPerSecond = (work: (batch: NewEntry[]) => Promise<unknown>) => async () => {
      const took = await seconds(async () => {
        for (let at = 0; at < times; at++) await work(entries(size))
      })
      return (size * times) / took
    }
    rows.push({
      title: `the append function, batches of ${size}`,
      unit: 'rows/s',
      runs: await interleave(rounds, {
        'bare insert': rowsPerSecond(insertInto('bare')),
        'bare insert, with foreign keys': rowsPerSecond(insertInto('keyed')),
        chat_append_entries: rowsPerSecond(batch => messages.append(batch))
      })
    })
  }
  await client.close()
  await database.drop()
  return rows
}
