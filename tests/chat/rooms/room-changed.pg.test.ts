import { test } from 'vitest'
import { createPostgresBus } from '../../../src/bus/drivers/postgres.ts'
import { testDatabase } from '../../support/database.ts'
import { expectTitleEverywhere } from './room-changed.ts'

test('a title that is changed on one process is shown on every process of a PostgreSQL database', async () => {
  const { schema, client, rooms, messages } = await testDatabase()
  const { notifications: database } = client
  if (!database) throw new Error('PostgreSQL has notifications')
  await expectTitleEverywhere({ rooms, messages }, () =>
    createPostgresBus({ database, instance: async () => [schema] })
  )
})
