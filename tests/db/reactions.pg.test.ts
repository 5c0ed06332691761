/** Tests that the cost of a reaction, and of reading reactions, does not depend on how many reactions a message has. */
import { expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { analyze, testDatabase } from '../support/database.ts'
import { rowsRead } from '../support/rows-read.ts'

const MANY = 10_000
const TARGET = 1

const start = async () => {
  const { client, schema, messages } = await testDatabase()
  const sql = (text: string) => client.query(text.replaceAll('@', `"${schema}".`))
  const [{ id: roomId } = { id: 0 }] = (await sql(`select id from @rooms where name = 'general'`)) as { id: number }[]
  await sql(`insert into @users (username) select 'user-' || n from generate_series(1, ${MANY}) as n`)
  const [{ id: userId } = { id: 0 }] = (await sql('select max(id) as id from @users')) as { id: number }[]
  await messages.append([{ roomId, userId, writeId: 'w', kind: 'message', content: 'token', meta: null, keyId: null }])
  await messages.append([reaction(roomId, userId, 'own')])
  await sql(`insert into @reactions (room_id, seq, user_id, key, by_seq)
    select ${roomId}, ${TARGET}, id, 'common', id from @users where id <> ${userId}`)
  // Adds reactions in other rooms, so that PostgreSQL expects few reactions to a message.
  await sql(`insert into @reactions (room_id, seq, user_id, key, by_seq)
    select ${roomId} + n, n, n, 'common', n from generate_series(1, 2000) as n`)

  const rowsReadBy = (work: (database: ChatDatabase) => Promise<unknown>): Promise<number> =>
    rowsRead({ client, schema }, 'reactions', work)
  return { schema, roomId, userId, rowsReadBy }
}

const reaction = (roomId: number, userId: number, key: string, action = 'added') => ({
  roomId,
  userId,
  writeId: `${key} ${action}`,
  kind: 'reaction',
  targetSeq: TARGET,
  content: null,
  meta: null,
  keyId: null,
  detail: JSON.stringify({ key, action })
})

test.for([
  ['before', []],
  ['after', ['reactions']]
] as const)('the table is read by user and message, %s PostgreSQL knows its statistics', async ([, analyzed]) => {
  const { schema, roomId, userId, rowsReadBy } = await start()
  await analyze(schema, ...analyzed)
  const works: Record<string, Parameters<typeof rowsReadBy>[0]> = {
    'the reactions of a user': async ({ reactions }) => {
      expect([...(await reactions.own(roomId, [TARGET], userId))]).toEqual([[TARGET, ['own']]])
    },
    'a page of reactions': async ({ reactions }) => {
      expect(await reactions.page(roomId, TARGET, 'common', MANY / 2, 10)).toHaveLength(10)
    },
    'a reaction with a common key': async ({ messages }) => {
      expect(await messages.append([reaction(roomId, userId, 'common')])).toMatchObject([{ outcome: 'stored' }])
    },
    'a removed reaction': async ({ messages }) => {
      await messages.append([reaction(roomId, userId, 'common')])
      const removed = await messages.append([reaction(roomId, userId, 'common', 'removed')])
      expect(removed).toMatchObject([{ outcome: 'stored' }])
    }
  }
  for (const [name, work] of Object.entries(works)) expect(await rowsReadBy(work), name).toBeLessThan(30)
})
