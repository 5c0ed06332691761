/** Tests that an export has no open transaction while its client does not read, so that the export does not delay vacuum. */
import { once } from 'node:events'
import { request } from 'node:http'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { testClient } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

test('a paused export has no open transaction', async () => {
  const { register, call, url, database } = await startChat({
    settings: { messageRateLimit: 0, maxMessageLength: 8000 }
  })
  const { client, schema } = database
  const john = await register('john')
  await call('POST', '/api/chat/rooms/general/messages', { token: john.token, body: { content: 'x'.repeat(4000) } })
  // Adds 4,000 copies of the message. Together they are far larger than the buffers of a connection.
  await client.query(
    `insert into "${schema}".messages (room_id, seq, id, user_id, write_id, kind, content, key_id, created_at)
     select room_id, seq + n, id + n, user_id, write_id || n, kind, content, key_id, created_at
     from "${schema}".messages, generate_series(1, 4000) as n`
  )
  // The role of the service may not see the transactions of other roles.
  const owner = await testClient()
  const sql = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end({ timeout: 1 }))
  /** Returns the states of the transactions of this test's schema. */
  const transactions = async () =>
    (
      await owner.query<{ state: string }>(
        `select state from pg_stat_activity
         where pid <> pg_backend_pid() and xact_start is not null and query like '%"' || $1 || '"%'`,
        [schema]
      )
    ).map(({ state }) => state)
  await sql.unsafe('begin isolation level repeatable read')
  await sql.unsafe(`select from "${schema}".users`)
  expect(await transactions()).toContain('idle in transaction')
  await sql.unsafe('commit')

  const headers = { authorization: `Bearer ${john.token}` }
  const running = request(`${url}/api/users/me/export`, { headers }).end()
  const [response] = await once(running, 'response')
  await once(response, 'readable')
  await expect.poll(transactions).toEqual([])
  let text = ''
  for await (const piece of response) text += piece
  expect(text.trimEnd().split('\n').at(-1)).toContain('"message":4001')
})
