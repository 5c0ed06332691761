/** Provides databases for tests: one client per test file, on the engine of its Vitest project, and one new schema per test. */
import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, inject, onTestFinished } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'

/** The database engine of the Vitest project. */
export const engine = process.env.TEST_ENGINE === 'postgres' ? 'postgres' : 'pglite'

let opened: Promise<SqlClient> | undefined
const folders: string[] = []

afterAll(async () => {
  await (await opened)?.close()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

/** Copies the empty embedded database. The copy is removed after the tests of the file. */
const copyTemplate = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-test-'))
  folders.push(folder)
  await cp(inject('pgliteTemplate'), folder, { recursive: true })
  return `pglite:${folder}`
}

/**
 * Returns the URL of a new copy of the embedded database (PGlite), or of the database of this run (PostgreSQL). The URL
 * bypasses any pooler.
 */
export const testDatabaseUrl = async (): Promise<string> =>
  engine === 'postgres' ? inject('testListenUrl') : copyTemplate()

/** Returns the client of the test file. */
export const testClient = (): Promise<SqlClient> => {
  opened ??=
    engine === 'postgres'
      ? openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl'), poolMax: 10 })
      : copyTemplate().then(url => openClient({ url, poolMax: 10 }))
  return opened
}

/** Returns an unused schema name. On PostgreSQL, the schema is dropped when the test ends. The folder of PGlite is removed anyway. */
export const testSchema = async (): Promise<string> => {
  const client = await testClient()
  const schema = `t_${randomBytes(6).toString('hex')}`
  if (engine === 'pglite') return schema
  onTestFinished(async () => {
    await client.query(`drop schema if exists ${schema} cascade`)
  })
  return schema
}

/** Creates a migrated database in a new schema. */
export const testDatabase = async (): Promise<ChatDatabase> => {
  const schema = await testSchema()
  const client = await testClient()
  await migrateUp(client, schema)
  return createDatabase(client, schema)
}
