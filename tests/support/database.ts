/** A database for tests: one client a test file, on the engine of the project that runs it, and a new schema a test. */
import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, inject, onTestFinished } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'

/** The engine of the project that runs. */
export const engine = process.env.TEST_ENGINE === 'postgres' ? 'postgres' : 'pglite'

let opened: Promise<SqlClient> | undefined
let folder: string | undefined

afterAll(async () => {
  await (await opened)?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** A copy of the empty embedded database, removed when the file's tests are over. */
const copyTemplate = async (): Promise<string> => {
  folder = await mkdtemp(join(tmpdir(), 'chat-test-'))
  await cp(inject('pgliteTemplate'), folder, { recursive: true })
  return `pglite:${folder}`
}

/** The URL of a database that only this test file (PGlite) or this run (PostgreSQL) has; never through a pooler. */
export const testDatabaseUrl = async (): Promise<string> =>
  engine === 'postgres' ? inject('testListenUrl') : copyTemplate()

/** The file's client. */
export const testClient = (): Promise<SqlClient> => {
  opened ??=
    engine === 'postgres'
      ? openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl') })
      : copyTemplate().then(url => openClient({ url }))
  return opened
}

/** The name of a schema that nobody has; dropped when the test ends. */
export const testSchema = async (): Promise<string> => {
  const client = await testClient()
  const schema = `t_${randomBytes(6).toString('hex')}`
  onTestFinished(async () => {
    await client.query(`drop schema if exists ${schema} cascade`)
  })
  return schema
}

/** A migrated database in a schema of its own. */
export const testDatabase = async (): Promise<ChatDatabase> => {
  const schema = await testSchema()
  const client = await testClient()
  await migrateUp(client, schema)
  return createDatabase(client, schema)
}
