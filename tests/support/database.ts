/** Provides databases for tests: one client per test file, on the engine of its Vitest project, and one schema per test. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, inject, onTestFinished } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { dropSchema, returnSchema, takeSchema, unusedName } from './schema-pool.ts'

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

/**
 * Returns an unused schema name. On PostgreSQL, the schema is dropped when the test ends. On PGlite, the whole folder is
 * removed later.
 */
export const testSchema = async (): Promise<string> => {
  const client = await testClient()
  const schema = unusedName()
  if (engine === 'postgres') onTestFinished(() => dropSchema(client, schema))
  return schema
}

/**
 * Returns a migrated database in a schema that contains only the rows of the migrations. If the test passes, the schema is
 * emptied and reused. This happens after the applications of the test are closed, because hooks run in reverse order of their
 * registration.
 */
export const testDatabase = async (): Promise<ChatDatabase> => {
  const client = await testClient()
  const schema = await takeSchema(client)
  onTestFinished(({ task }) =>
    task.result?.state === 'pass' ? returnSchema(client, schema) : dropSchema(client, schema)
  )
  return createDatabase(client, schema)
}
