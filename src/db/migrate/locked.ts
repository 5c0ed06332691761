/** Runs the SQL of migrations in one transaction that holds an advisory lock, and waits for locks on tables that are in use. */
import { setTimeout as delay } from 'node:timers/promises'
import { codesOf } from '../client/errors.ts'
import type { SqlClient, SqlTransaction } from '../client/types.ts'

/** The timeout and the delays with which a migration waits for locks on tables that are in use. */
export interface LockWait {
  /** Timeout in milliseconds for a statement that waits for a lock. Appends of running processes wait behind that statement. */
  readonly lockMs: number
  /** The delays in milliseconds between attempts. During a delay, the waiting appends are executed. */
  readonly pausesMs: Iterable<number>
}

export const quoted = (schema: string): string => `"${schema.replaceAll('"', '""')}"`

type Work<T> = (transaction: SqlTransaction) => Promise<T>

/** Runs work in one transaction that holds the advisory lock. Retries after a delay if a table lock is not granted in time. */
export const locked = async <T>(client: SqlClient, schema: string, wait: LockWait, work: Work<T>): Promise<T> => {
  for (const pause of wait.pausesMs) {
    try {
      return await lockedOnce(client, schema, wait.lockMs, work)
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      await delay(pause)
    }
  }
  return lockedOnce(client, schema, wait.lockMs, work)
}

const lockedOnce = <T>(client: SqlClient, schema: string, lockMs: number, work: Work<T>): Promise<T> =>
  client.transaction(
    async transaction => {
      // A migration may take a long time, so it has no statement timeout. Waiting for the advisory lock has no lock timeout
      // either, because another process may hold the lock while it migrates.
      await transaction.exec('set local statement_timeout = 0; set local lock_timeout = 0')
      await transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `fastify-chat:migrate:${schema}`
      ])
      await transaction.exec(`set local lock_timeout = ${lockMs}`)
      // Checks first whether the schema exists, because `create schema if not exists` requires the CREATE privilege even if the
      // schema exists.
      const found = await transaction.query('select 1 from pg_namespace where nspname = $1', [schema])
      if (found.length === 0) await transaction.exec(`create schema ${quoted(schema)}`)
      return work(transaction)
    },
    { isUnlimited: true }
  )

const isLockTimeout = (error: unknown): boolean => codesOf(error).includes('55P03')

/**
 * Waits for running appends, and makes later appends wait until the transaction ends. Does nothing if the table `rooms` does
 * not exist. An append locks its room first and then writes to other tables. A migration that locked these tables first could
 * cause a deadlock.
 */
export const holdAppends = async (transaction: SqlTransaction, schema: string): Promise<void> => {
  const found = await transaction.query('select from pg_tables where schemaname = $1 and tablename = $2', [
    schema,
    'rooms'
  ])
  if (found.length > 0) await run(transaction, 'LOCK TABLE "public"."rooms" IN EXCLUSIVE MODE', schema)
}

/**
 * Runs the SQL of a migration in `schema`. Replaces the schema `public` in the names that drizzle-kit has qualified. The search
 * path makes the other names refer to `schema` too.
 */
export const run = async (transaction: SqlTransaction, text: string, schema: string): Promise<void> => {
  await transaction.exec(`set local search_path to ${quoted(schema)}`)
  for (const statement of text.split('--> statement-breakpoint')) {
    const text = statement.replaceAll('"public".', `${quoted(schema)}.`)
    await transaction.exec(text).catch(error => {
      throw isLockTimeout(error) ? lockTimeout(text, error) : error
    })
  }
}

const lockTimeout = (statement: string, cause: unknown): Error => {
  const [firstLine = ''] = statement.replace(/^\s*(--.*\s+)*/, '').split('\n')
  const advice =
    'Nothing was changed. End the long transactions that use the table (pg_stat_activity), and run the migration again.'
  return new Error(`The migration timed out while it waited for a table lock, in: ${firstLine} … ${advice}`, { cause })
}
