/** Tests that the cost of importing a batch does not depend on how many messages the room has. */
import { expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { analyze, testDatabase } from '../support/database.ts'
import { rowsRead } from '../support/rows-read.ts'

const MANY = 10_000
const BATCH = 20

test('an import into a large new room reads only its batch, before PostgreSQL knows the statistics of the room', async () => {
  const { client, schema } = await testDatabase()
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  const [user] = await sql<{ id: number }>(`insert into @users (username) values ('john') returning id`)
  const userId = user?.id ?? 0
  const fill = async (room: string, from: number): Promise<number> => {
    const [row] = await sql<{ id: number }>(
      `insert into @rooms (name, last_seq) values ('${room}', ${MANY}) returning id`
    )
    await sql(`insert into @messages (room_id, seq, kind, user_id, content, write_id, created_at)
      select ${row?.id}, n, 'message', ${userId}, 'token', ${from} + n, now() from generate_series(1, ${MANY}) as n`)
    return row?.id ?? 0
  }
  await fill('known', 0)
  await analyze(schema, 'messages')
  const roomId = await fill('moved', MANY)
  const batch = Array.from({ length: BATCH }, (_, at) => ({
    sourceId: at + 1,
    userId,
    content: 'token',
    keyId: 'key',
    createdAt: at
  }))
  const rowsReadBy = (work: (repository: ChatDatabase['fastApiImport']) => Promise<unknown>): Promise<number> =>
    rowsRead({ client, schema }, 'messages', async ({ fastApiImport }) => {
      await fastApiImport.begin({ roomId, lastId: 0 })
      await work(fastApiImport)
    })
  const works: Record<string, Parameters<typeof rowsReadBy>[0]> = {
    'the append': async repository => {
      expect(await repository.append({ from: 0, to: BATCH }, batch)).toEqual(expect.any(Number))
    },
    'the comparison': async repository => {
      expect(await repository.stored(batch)).toEqual([])
    }
  }
  for (const [name, work] of Object.entries(works)) expect.soft(await rowsReadBy(work), name).toBeLessThan(5 * BATCH)
})
