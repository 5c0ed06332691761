/**
 * Creates a database on the PostgreSQL server once per run, and drops it at the end. With `TEST_POOLER=session` or
 * `TEST_POOLER=transaction`, the tests connect through PgBouncer in that mode, and listen on a direct connection.
 */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { openClient } from '../../src/db/client/open.ts'
import { startPgbouncer } from './pgbouncer.ts'
import { createPool } from './schema-pool.ts'

declare module 'vitest' {
  interface ProvidedContext {
    testDatabaseUrl: string
    /** A URL of the same database that bypasses any pooler. */
    testListenUrl: string
  }
}

export default async (project: TestProject) => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const mode = process.env.TEST_POOLER as 'session' | 'transaction' | undefined
  const name = `chat_test_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  await sql.unsafe(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const client = await openClient({ url: url.href, poolMax: 1 })
  await createPool(client)
  await client.close()
  const pgbouncer = mode && (await startPgbouncer(url.href, { mode }))
  project.provide('testDatabaseUrl', pgbouncer?.url ?? url.href)
  project.provide('testListenUrl', url.href)
  return async () => {
    await pgbouncer?.stop()
    await sql.unsafe(`drop database ${name} with (force)`)
    await sql.end({ timeout: 1 })
  }
}
