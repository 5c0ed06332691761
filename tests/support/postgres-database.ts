/**
 * Creates a database and a role for the service on the PostgreSQL server once per run, and drops both at the end. With
 * `TEST_POOLER=session` or `TEST_POOLER=transaction`, the service connects through PgBouncer in that mode, and listens on a direct
 * connection.
 */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { openClient } from '../../src/db/client/open.ts'
import { startPgbouncer } from './pgbouncer.ts'
import { createPool } from './schema-pool.ts'
import { ROLE_PASSWORD, serviceRole } from './service-role.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the service. Its role has only the documented rights. */
    testDatabaseUrl: string
    /** The URL of the owner of the schemas, which bypasses any pooler. */
    testListenUrl: string
  }
}

export default async (project: TestProject) => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const mode = process.env.TEST_POOLER as 'session' | 'transaction' | undefined
  const name = `chat_test_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  const drop = async () => {
    await sql.unsafe(`drop database if exists ${name} with (force)`)
    await sql.unsafe(`drop role if exists ${name}`)
    await sql.end({ timeout: 1 })
  }
  const url = new URL(server)
  url.pathname = `/${name}`
  const serviceUrl = new URL(url)
  serviceUrl.username = name
  serviceUrl.password = ROLE_PASSWORD
  // A URL without a host has no user.
  if (serviceUrl.username !== name || url.searchParams.has('user'))
    throw new Error('TEST_DATABASE_URL must have a host, and its user must be before the host.')
  try {
    await sql.unsafe(`create database ${name}`)
    const [row] = await sql`select quote_ident(current_user) as owner`
    const role = serviceRole({ role: name, owner: row?.owner, database: name })
    for (const statement of role.create) await sql.unsafe(statement)
    const client = await openClient({ url: url.href, poolMax: 1 })
    await createPool(client, role.grants)
    await client.close()
  } catch (error) {
    await drop()
    throw error
  }
  // In session mode, each connection of a client keeps one of the pooler's, and the tests have more than the default of 20.
  const settings = mode === 'session' ? ['default_pool_size = 80'] : []
  const pgbouncer = mode ? await startPgbouncer(serviceUrl.href, { mode, settings }) : undefined
  project.provide('testDatabaseUrl', pgbouncer?.url ?? serviceUrl.href)
  project.provide('testListenUrl', url.href)
  return async () => {
    await pgbouncer?.stop()
    await drop()
  }
}
