/**
 * Tests how the service starts as a role that owns nothing and has only the rights in docs/operations.md. The other tests on
 * PostgreSQL test that these rights are enough for each feature, because their service has such a role too.
 */
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { missingGrants } from '../../src/db/inspection.ts'
import { migrateDown, migrateUp } from '../../src/db/migrate.ts'
import { createServer } from '../../src/server.ts'
import { testClient, testDatabase } from '../support/database.ts'
import { testSettings } from '../support/settings.ts'

const startAs = async (url: string, schema: string) => {
  const settings = testSettings({ databaseUrl: url, databaseSchema: schema, audience: schema, migrateOnStart: true })
  const lines: string[] = []
  const server = await createServer({
    settings: { ...settings, loginRateLimit: 10, registerRateLimit: 10 },
    logTo: { write: line => lines.push(line) }
  })
  onTestFinished(() => server.close())
  return { url: await server.listen({ host: '127.0.0.1', port: 0 }), log: () => lines.join('') }
}

/** Opens a client with the rights of the service. */
const clientOfService = async () => {
  const client = await openClient({ url: inject('testDatabaseUrl'), poolMax: 1 })
  onTestFinished(() => client.close())
  return client
}

test('a role that owns no tables can start the service and count rate limits', async () => {
  const { schema, client } = await testDatabase()
  const [owned] = await client.query('select from pg_class where relowner = current_user::regrole')
  expect(owned).toBeUndefined()
  await expect(client.query(`create table "${schema}".more (id integer)`)).rejects.toThrow(/permission denied/)
  const chat = await startAs(inject('testDatabaseUrl'), schema)
  expect((await fetch(`${chat.url}/health/ready`)).status).toBe(200)
  const statuses = []
  for (let at = 0; at < 12; at++) {
    const response = await fetch(`${chat.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'john', password: 'Wrong12345' })
    })
    statuses.push(response.status)
  }
  expect(statuses).toContain(429)
  expect(chat.log()).not.toMatch(/42501|permission denied/)
})

test('a role has the rights on what later migrations create', async () => {
  const [{ schema }, owner, client] = [await testDatabase(), await testClient(), await clientOfService()]
  while ((await migrateDown(owner, schema)) !== '0011_accounts') {}
  expect(await missingGrants(client, schema)).toEqual([])
  await migrateUp(owner, schema)
  expect(await missingGrants(client, schema)).toEqual([])
})

test('the service fails with advice if migrations are pending that its role cannot apply', async () => {
  const [{ schema }, owner] = [await testDatabase(), await testClient()]
  await owner.query(
    `delete from "${schema}".chat_migrations where tag = (select max(tag) from "${schema}".chat_migrations)`
  )
  const start = startAs(inject('testDatabaseUrl'), schema)
  await expect(start).rejects.toThrow(/Migrations are pending .* as the owner of the schema/)
})
