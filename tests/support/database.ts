/**
 * Provides databases for tests on the engine of their Vitest project, with one schema per test. On PostgreSQL, each test file
 * has two clients: one of the owner of the schemas, and one of a role with only the rights that docs/operations.md documents. On
 * PGlite, each worker has one database in memory, because opening a database takes as long as many tests.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { createPool, dropSchema, returnSchema, takeSchema, unusedName } from './schema-pool.ts'

/** The database engine of the Vitest project. */
export const engine = process.env.TEST_ENGINE === 'postgres' ? 'postgres' : 'pglite'

let opened: Promise<SqlClient> | undefined
let openedAsService: Promise<SqlClient> | undefined
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

/** Cleans up after a test file: closes its client, unless the worker keeps it, and removes the folders of the file. */
export const closeDatabases = async (): Promise<void> => {
  await cleanUp()
  if (engine === 'postgres') {
    await Promise.all([opened, openedAsService].map(async client => (await client)?.close()))
    opened = openedAsService = undefined
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
}

const embeddedUrl = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-test-'))
  folders.push(folder)
  return `pglite:${folder}`
}

/**
 * Returns the URL of a new embedded database (PGlite), or of the database of this run (PostgreSQL). The URL bypasses any
 * pooler, and its user may create schemas.
 */
export const testDatabaseUrl = async (): Promise<string> =>
  engine === 'postgres' ? inject('testListenUrl') : embeddedUrl()

const openInMemory = async (): Promise<SqlClient> => {
  const client = await openClient({ url: 'pglite::memory:', poolMax: 10 })
  await createPool(client)
  await returnSchema(client, await takeSchema(client))
  return client
}

/**
 * Returns the client of the owner of the schemas, or on PGlite the client of the worker. Each call returns a new object, so that
 * a test can replace methods without an effect on other tests.
 */
export const testClient = async (): Promise<SqlClient> => {
  opened ??= engine === 'postgres' ? openClient({ url: inject('testListenUrl'), poolMax: 10 }) : openInMemory()
  return { ...(await opened) }
}

/** Returns the client of the service. On PostgreSQL, its role owns nothing. With TEST_POOLER, it connects through PgBouncer. */
const serviceClient = async (): Promise<SqlClient> => {
  if (engine === 'pglite') return testClient()
  openedAsService ??= openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl'), poolMax: 10 })
  return { ...(await openedAsService) }
}

/** Returns an unused schema name. The schema is dropped after the test. */
export const testSchema = async (): Promise<string> => {
  const client = await testClient()
  await cleanUp()
  const schema = unusedName()
  cleanUpAfterTest(() => dropSchema(client, schema))
  return schema
}

/**
 * Returns a migrated database in a schema that contains only the rows of the migrations. If the test passes, the schema is
 * emptied and reused. The client has only the documented rights, also for the statements of a test. `testClient` changes tables.
 */
export const testDatabase = async (): Promise<ChatDatabase> => {
  const client = await testClient()
  await cleanUp()
  const schema = await takeSchema(client)
  cleanUpAfterTest(hasPassed => (hasPassed ? returnSchema(client, schema) : dropSchema(client, schema)))
  return createDatabase(await serviceClient(), schema)
}

/**
 * Updates the statistics of tables for the planner. PostgreSQL skips `analyze` with only a warning if another role than the
 * owner runs it.
 */
export const analyze = async (schema: string, ...tables: string[]): Promise<void> => {
  const owner = await testClient()
  for (const table of tables) await owner.query(`analyze "${schema}"."${table}"`)
}
