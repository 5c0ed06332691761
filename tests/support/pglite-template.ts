/**
 * Creates an embedded database with one migrated schema once per run. Tests copy this database, because creating a new one takes
 * seconds.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openEmbedded } from '../../src/db/client/pglite.ts'
import { createPool, returnSchema, takeSchema } from './schema-pool.ts'

declare module 'vitest' {
  interface ProvidedContext {
    pgliteTemplate: string
    testDatabaseUrl: string
    /** A URL of the same database that bypasses any pooler. */
    testListenUrl: string
  }
}

export default async (project: TestProject) => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-template-'))
  const client = await openEmbedded(folder)
  await createPool(client)
  await returnSchema(client, await takeSchema(client))
  await client.close()
  project.provide('pgliteTemplate', folder)
  return () => rm(folder, { recursive: true, force: true })
}
