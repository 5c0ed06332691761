/** Tests the effect of `fastify-chat epochs renew` after a restore, for clients that were ahead of the restored log. */
import { expect, test } from 'vitest'
import { renewEpochs } from '../../src/db/epochs.ts'
import { testDatabase } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

test('it sends resync to a client that subscribed before the restore, regardless of how far the log has grown since', async () => {
  const database = await testDatabase()
  const before = await startChat({ database })
  const john = await before.register('john')
  const client = await before.join(john, {}, '?rooms=')
  client.send({ type: 'subscribe', room: 'general' })
  const { epoch } = await client.nextOf('subscribed')
  await before.server.close()

  await renewEpochs(database.client, database.schema)
  const after = await startChat({ database })
  const back = await after.join(john, {}, '?rooms=')
  for (const content of ['one', 'two']) {
    back.send({ type: 'message', content, ref: content })
    await back.nextOf('ack')
  }
  back.send({ type: 'subscribe', room: 'general', after: 1, epoch })
  // After a restore, clients may have messages with a higher `seq` than the log has. The room has another epoch, so
  // the service sends `resync`.
  expect(await back.nextOf('resync')).toMatchObject({ room: 'general', reason: 'epoch' })
})
