/** Tests that the write of read marks waits for no other transaction. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'

test('writing marks waits for no transaction that changes the mentions of a message', async () => {
  const { client, schema, rooms, users, readMarks } = await testDatabase()
  const sql = (text: string): string => text.replaceAll('@', `"${schema}".`)
  const ann = await users.create({ username: 'ann', hashedPassword: null })
  const room = await rooms.create({ name: 'team', title: null })
  await client.query(
    sql(`with member as (insert into @members (room_id, user_id) values ($1, $2)),
      mention as (insert into @mentions (user_id, room_id, seq) values ($2, $1, 1))
      update @rooms set last_seq = 2 where id = $1`),
    [room.id, ann.id]
  )
  const change = { userId: ann.id, room: 'team', upTo: 2, isUnread: false }
  await client.transaction(async transaction => {
    await transaction.query(sql('delete from @mentions'))
    // If the write waited for this transaction, both would wait forever, and the test would time out.
    expect(await readMarks.write([change])).toMatchObject([{ readSeq: 2 }])
  })
})
