/** Provides databases for tests: one client per test file, on the engine of its Vitest project, and one schema per test. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { dropSchema, returnSchema, takeSchema, unusedName } from './schema-pool.ts'

/** The database engine of the Vitest project. */
export const engine = process.env.TEST_ENGINE === 'postgres' ? 'postgres' : 'pglite'

let opened: Promise<SqlClient> | undefined
const folders: string[] = []

/** Functions that clean up the schemas of finished tests. */
const cleanUps: (() => Promise<void>)[] = []

const cleanUp = async (): Promise<void> => {
  for (const run of cleanUps.splice(0)) await run()
}

/**
 * Runs a function when the next test needs a schema, or when the file ends. All hooks of the test have run by then, including
 * hooks that close applications which use the schema.
 */
const cleanUpAfterTest = (run: (hasPassed: boolean) => Promise<void>): void =>
  onTestFinished(({ task }) => void cleanUps.push(() => run(task.result?.state === 'pass')))

/** Closes the client of a test file, and removes the copies of the embedded database. */
export const closeDatabases = async (): Promise<void> => {
  const client = await opened
  await cleanUp()
  opened = undefined
  await client?.close()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
}

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
 * Returns an unused schema name. On PostgreSQL, the schema is dropped after the test. On PGlite, the whole database is removed
 * after the tests of the file.
 */
export const testSchema = async (): Promise<string> => {
  const client = await testClient()
  await cleanUp()
  const schema = unusedName()
  if (engine === 'postgres') cleanUpAfterTest(() => dropSchema(client, schema))
  return schema
}

/**
 * Returns a migrated database in a schema that contains only the rows of the migrations. If the test passes, the schema is
 * emptied and reused.
 */
export const testDatabase = async (): Promise<ChatDatabase> => {
  const client = await testClient()
  await cleanUp()
  const schema = await takeSchema(client)
  cleanUpAfterTest(hasPassed => (hasPassed ? returnSchema(client, schema) : dropSchema(client, schema)))
  return createDatabase(client, schema)
}
