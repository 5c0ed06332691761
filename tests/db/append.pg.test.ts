/** Tests the append function of the log while another transaction changes the rows that it reads. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'

test('a repeated entry that expires during the append is refused as busy', async () => {
  const { client, schema, messages } = await testDatabase()
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  const [user] = await sql<{ id: number }>(`insert into @users (username) values ('ann') returning id`)
  // In a slow room, the append waits for the lock on the author's row in `last_posts`.
  const [room] = await sql<{ id: number }>(
    `insert into @rooms (name, slow_mode_seconds, guarded) values ('slow', 60, true) returning id`
  )
  const [userId, roomId] = [user?.id ?? 0, room?.id ?? 0]
  await sql(`insert into @members (room_id, user_id, role) values (${roomId}, ${userId}, 'owner')`)
  const message = (writeId: string) => ({
    roomId,
    userId,
    writeId,
    kind: 'message',
    targetSeq: null,
    content: 'token',
    meta: null,
    keyId: 'key',
    detail: null
  })
  expect(await messages.append([message('old')])).toMatchObject([{ outcome: 'stored', seq: 1 }])

  let appended: Promise<unknown> | undefined
  await client.transaction(async own => {
    await own.query(`select from "${schema}".last_posts for update`)
    appended = messages.append([message('old'), message('new')])
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%"${schema}".chat_append%'`
    await expect.poll(() => client.query(waiting), { interval: 20 }).toHaveLength(1)
    await own.query(`delete from "${schema}".messages where write_id = 'old'`)
  })
  expect(await appended).toMatchObject([{ refused: 'busy' }, { outcome: 'stored', seq: 2 }])
})
