/** Tests the SQL statement that an operator must run after a backup is restored, according to docs/operations.md. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

const manual = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const [, statement = ''] = /```sql\n(update rooms [^;]+;)\n```/.exec(manual) ?? []

test('it sends resync to a client that subscribed before the restore, regardless of how far the log has grown since', async () => {
  const database = await testDatabase()
  const before = await startChat({ database })
  const john = await before.register('john')
  const client = await before.join(john, {}, '?rooms=')
  client.send({ type: 'subscribe', room: 'general' })
  const { epoch } = await client.nextOf('subscribed')
  await before.server.close()

  expect(statement).not.toBe('')
  await database.client.query(statement.replace('update rooms', `update ${database.schema}.rooms`))
  const after = await startChat({ database })
  const back = await after.join(john, {}, '?rooms=')
  for (const content of ['one', 'two']) {
    back.send({ type: 'message', content, ref: content })
    await back.nextOf('ack')
  }
  back.send({ type: 'subscribe', room: 'general', after: 1, epoch })
  // After a restore, clients may have messages with a higher `seq` than the log has. The SQL statement changes the epoch, so
  // the service sends `resync`.
  expect(await back.nextOf('resync')).toMatchObject({ room: 'general', reason: 'epoch' })
})
