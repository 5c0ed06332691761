/** Tests that the write of read marks waits for no other transaction, and that two processes may write marks in any order. */
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
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
    // The write must not wait for this transaction, because the transaction ends only after the write.
    expect(await readMarks.write([change])).toMatchObject([{ readSeq: 2 }])
  })
})

test('marks that two processes write at once never move back, and no result is below the mark that was written', async () => {
  const { client, schema, rooms, users, readMarks } = await testDatabase()
  const other = await openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl'), poolMax: 2 })
  onTestFinished(() => other.close())
  const repositories = [readMarks, createDatabase(other, schema).readMarks]
  const ann = await users.create({ username: 'ann', hashedPassword: null })
  const room = await rooms.create({ name: 'team', title: null })
  await client.query(
    `with member as (insert into "${schema}".members (room_id, user_id) values ($1, $2))
     update "${schema}".rooms set last_seq = 10000 where id = $1`,
    [room.id, ann.id]
  )
  /** Writes a mark. If the other process has locked the member, writes the mark again. Returns the result. */
  const write = async (at: number, upTo: number, isUnread: boolean) => {
    for (;;) {
      const [mark] = (await repositories[at]?.write([{ userId: ann.id, room: 'team', upTo, isUnread }])) ?? []
      if (mark && !mark.isLocked) return mark
    }
  }
  let shown = 0
  for (let round = 1; round <= 300; round++) {
    const [low, high] = [10 * round, 10 * round + 5]
    const marks = await Promise.all([write(round % 2, low, round % 3 === 0), write((round + 1) % 2, high, false)])
    // The two writes may run in either order. The result of a write is never lower than the mark that it wrote, and never lower
    // than an earlier mark.
    expect(marks[0].readSeq).toBeGreaterThanOrEqual(low)
    expect(marks[1].readSeq).toBe(high)
    for (const { readSeq } of marks) expect(readSeq).toBeGreaterThan(shown)
    // Only a write that moved the mark is shown to others.
    expect(marks[1].isMoved).toBe(true)
    if (marks[0].isMoved) expect(marks[0].readSeq).toBe(low)
    shown = high
  }
})
