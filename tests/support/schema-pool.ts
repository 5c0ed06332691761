/**
 * Keeps migrated schemas for later tests, because migrating a new schema takes longer than most tests. The pool is stored in
 * the database, so all test files of a run share it. A returned schema is emptied, and filled with the rows that the migrations
 * wrote. A schema is not reused if a test changed its catalog, or if the planner could treat it differently from a new schema.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SqlClient } from '../../src/db/client/types.ts'
import { migrateUp } from '../../src/db/migrate.ts'

/** The SQLSTATE of a deadlock. PostgreSQL cancels only one of the statements, so the other one ends. */
const DEADLOCK = '40P01'
const POOL = readFileSync(new URL('schema-pool.sql', import.meta.url), 'utf8')

/** Creates an empty pool in the database. The pool runs `grants` for each schema, with its name instead of `public`. */
export const createPool = (client: SqlClient, grants: readonly string[] = []): Promise<void> =>
  client.transaction(async ({ exec, query }) => {
    await exec(POOL)
    await query('insert into test_pool.grants select unnest($1::text[])', [grants])
  })

/** Returns a schema name that is not in use. */
export const unusedName = (): string => `t_${randomBytes(6).toString('hex')}`

/** Returns a migrated schema from the pool, or a new one if the pool is empty. */
export const takeSchema = async (client: SqlClient): Promise<string> => {
  const [row] = await client.query<{ name: string | null }>('select test_pool.take() as name')
  return row?.name ?? newSchema(client)
}

/** Creates a migrated schema for the pool. No test has used it, so autovacuum has no reason to change its statistics. */
export const newSchema = async (client: SqlClient): Promise<string> => {
  const schema = unusedName()
  await migrateUp(client, schema)
  const grants = await client.query<{ statement: string }>('select statement from test_pool.grants')
  for (const { statement } of grants) await client.query(statement.replace('schema public', `schema ${schema}`))
  await client.query('select test_pool.add($1)', [schema])
  return schema
}

/** Empties a schema that `takeSchema` returned, and puts it into the pool. Drops it if it can't be reused. */
export const returnSchema = async (client: SqlClient, schema: string): Promise<void> => {
  const returned = client.query<{ done: boolean }>('select test_pool.give_back($1) as done', [schema])
  const [row] = await returned.catch(() => [])
  if (!row?.done) await dropSchema(client, schema)
}

/**
 * Drops a schema. A service that stops waits at most 1.5 s for its statements, so on a busy machine a statement may still run.
 * Dropping the schema can deadlock with such a statement, and is then tried again.
 */
export const dropSchema = async (client: SqlClient, schema: string): Promise<void> => {
  for (;;) {
    try {
      await client.query(`drop schema if exists ${schema} cascade`)
      return
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK) throw error
    }
  }
}
