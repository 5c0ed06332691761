/** Tests that a process knows the finished steps of a rolling upgrade before it accepts requests. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

test('a process whose row cannot be written still accepts all kinds of entries that the upgrade allows', async () => {
  const database = await testDatabase()
  const { client } = database
  let failed = 0
  const failing: typeof client = {
    ...client,
    async query(text, ...rest) {
      if (!text.includes('.processes (')) return client.query(text, ...rest)
      failed++
      throw new Error('down')
    }
  }
  // Without `migrateOnStart`, a start with a given client sends no query, so the process would not read the finished steps.
  const settings = { migrateOnStart: true }
  const chat = await startChat({ database: { ...database, client: failing }, settings })
  const john = await chat.register('john')
  const { first } = await chat.join(john)
  expect(failed).toBeGreaterThan(0)
  expect(first.features).toContain('reaction')
  const posted = await chat.call('POST', '/api/chat/rooms/general/messages', {
    token: john.token,
    body: { content: 'Hello' }
  })
  expect(posted.status).toBe(201)
  const { seq } = posted.body
  const reactions = `/api/chat/rooms/general/messages/${seq}/reactions`
  expect(await chat.call('PUT', `${reactions}/${encodeURIComponent('👍')}`, { token: john.token })).toMatchObject({
    status: 201
  })
})
