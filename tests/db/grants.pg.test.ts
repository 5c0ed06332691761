/** Tests that the privileges in docs/operations.md are sufficient: a role that owns no tables can run the whole service. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { createServer } from '../../src/server.ts'
import { testClient, testDatabaseUrl, testSchema } from '../support/database.ts'
import { testSettings } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'

const documented = (): string => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
  const [, sql] = /```sql\n(create role chat_service[^`]*)```/.exec(text) ?? []
  if (!sql) throw new Error('docs/operations.md contains no SQL block that creates the role chat_service.')
  return sql
}

/** Creates a role with only the documented privileges on a migrated schema. Returns a database URL for the role. */
const leastPrivileged = async (): Promise<{ url: string; schema: string; role: string }> => {
  const admin = await testClient()
  const schema = await testSchema()
  const role = `chat_service_${randomBytes(4).toString('hex')}`
  await migrateUp(admin, schema)
  const [row] = await admin.query<{ name: string }>('select current_database() as name')
  const sql = documented()
    .replaceAll('chat_service', role)
    .replaceAll('chat_owner', 'postgres')
    .replaceAll('schema public', `schema ${schema}`)
    .replaceAll('database chat', `database ${row?.name}`)
  await admin.transaction(transaction => transaction.exec(sql))
  onTestFinished(async () => {
    await admin.query(`drop owned by ${role}`)
    await admin.query(`drop role ${role}`)
  })
  const url = new URL(await testDatabaseUrl())
  url.username = role
  url.password = 'secret'
  return { url: url.href, schema, role }
}

const startAs = async (url: string, schema: string) => {
  const settings = testSettings({ databaseUrl: url, databaseSchema: schema, audience: schema, migrateOnStart: true })
  const lines: string[] = []
  const server = await createServer({
    settings: { ...settings, loginRateLimit: 10, registerRateLimit: 10 },
    logTo: { write: line => lines.push(line) }
  })
  onTestFinished(() => server.close())
  return { url: await server.listen({ host: '127.0.0.1', port: 0 }), server, log: () => lines.join('') }
}

test('a role that owns no tables can register, log in, chat, resume, create rooms and count rate limits', async () => {
  const { url, schema } = await leastPrivileged()
  const chat = await startAs(url, schema)
  const call = async (path: string, body?: object, token?: string) => {
    const response = await fetch(chat.url + path, {
      method: body ? 'POST' : 'GET',
      headers: {
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {})
      },
      ...(body ? { body: JSON.stringify(body) } : {})
    })
    // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the service returned.
    return { status: response.status, body: (await response.json()) as any }
  }
  const person = { username: 'john', password: 'SecurePass123' }
  expect(await call('/api/auth/register', person)).toMatchObject({ status: 201 })
  const { access_token: token } = (await call('/api/auth/login', person)).body
  expect(await call('/api/chat/rooms', { room: 'other', title: 'Other' }, token)).toMatchObject({ status: 201 })
  const socket = await connect(`${chat.url.replace('http', 'ws')}/ws/chat?rooms=general,other&token=${token}`)
  socket.send({ type: 'message', content: 'one', nonce: 'n1' })
  expect(await socket.nextOf('ack')).toMatchObject({ seq: 1 })
  socket.send({ type: 'message', content: 'two', room: 'other', nonce: 'n2' })
  expect(await socket.nextOf('ack')).toMatchObject({ room: 'other', seq: 1 })
  socket.socket.close()
  const again = await connect(`${chat.url.replace('http', 'ws')}/ws/chat?rooms=&token=${token}`)
  again.send({ type: 'subscribe', room: 'general', after: 0 })
  expect(await again.nextOf('message')).toMatchObject({ content: 'one' })
  expect((await call('/api/chat/rooms/general/messages', undefined, token)).body.messages).toHaveLength(1)
  expect((await call('/api/chat/rooms', undefined, token)).body.rooms).toHaveLength(2)
  const refused = []
  for (let at = 0; at < 12; at++)
    refused.push((await call('/api/auth/login', { ...person, password: 'Wrong12345' })).status)
  expect(refused).toContain(429)
  expect(await call('/health/ready')).toMatchObject({ status: 200 })
  expect(chat.log()).not.toMatch(/42501|permission denied/)
}, 300_000)

test('the service fails with advice if migrations are pending that its role cannot apply', async () => {
  const { url, schema } = await leastPrivileged()
  const admin = await testClient()
  await admin.query(
    `delete from "${schema}".chat_migrations where tag = (select max(tag) from "${schema}".chat_migrations)`
  )
  await expect(startAs(url, schema)).rejects.toThrow(/Migrations are pending .* as the owner of the schema/)
  const client = await openClient({ url, poolMax: 1 })
  onTestFinished(() => client.close())
  await expect(client.query(`create table "${schema}".more (id integer)`)).rejects.toThrow(/permission denied/)
})
