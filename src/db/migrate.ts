/**
 * Applies the migrations in drizzle/ to one schema, and reverts them. Each run is one transaction that holds an advisory lock,
 * so if several processes start at the same time, one of them migrates while the others wait, and the others then find nothing
 * pending. The table that records the applied migrations is in the same schema.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { packageFile } from '../lib/package.ts'
import { codesOf } from './client/errors.ts'
import type { SqlClient, SqlTransaction } from './client/types.ts'
import { finishIn } from './repositories/processes.ts'

/**
 * A migration. `up` is the SQL that applies the migration, and `down` is the SQL that reverts it. Both are for the schema
 * `public`.
 */
export interface Migration {
  /** The name of the file without `.sql`, for example `0000_tables`. */
  readonly tag: string
  readonly up: string
  readonly down: string
  /** The SHA-256 of `up`. If it differs from the recorded hash, the file was changed after the migration was applied. */
  readonly hash: string
}

/**
 * The state of a migration. `changed` means that the file differs from the one that was applied. `unknown` means that the
 * database records the migration but this release does not contain it, usually because a newer release applied it.
 */
export interface MigrationStatus {
  readonly tag: string
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown'
  /** When the migration was applied, as an RFC 3339 time. Absent if the migration is pending. */
  readonly appliedAt?: string
}

interface Applied {
  readonly tag: string
  readonly hash: string
  readonly at: string
}

// Normalizes the line endings. They depend on the Git checkout, but the hash must be the same everywhere.
const read = (...path: string[]): string =>
  readFileSync(packageFile('drizzle', ...path), 'utf8').replaceAll('\r\n', '\n')

/** How a migration waits for locks on tables that are in use. */
export interface LockWait {
  /** Timeout in milliseconds for a statement that waits for a lock. Appends of running processes wait behind that statement. */
  readonly lockMs: number
  /** The delays in milliseconds between attempts. During a delay, the waiting appends are executed. */
  readonly pausesMs: Iterable<number>
}

const LOCK_WAIT: LockWait = { lockMs: 3000, pausesMs: [1000, 2000, 4000] }

/** Returns the migrations of this release, in order. */
export const readMigrations = (): Migration[] => {
  const { entries } = JSON.parse(read('meta', '_journal.json')) as { entries: { tag: string }[] }
  return entries.map(({ tag }) => {
    const up = read(`${tag}.sql`)
    return { tag, up, down: read('down', `${tag}.sql`), hash: createHash('sha256').update(up).digest('hex') }
  })
}

/**
 * Applies the pending migrations and returns their tags. Rejects, and changes nothing, if the file of an applied migration has
 * changed. If nothing is pending, takes no lock and writes nothing, so that a service can also start with a role that does not
 * own the schema, or on a read-only server.
 */
export const migrateUp = async (client: SqlClient, schema: string, wait = LOCK_WAIT): Promise<string[]> => {
  const status = await migrationStatus(client, schema)
  const pending = status.filter(({ state }) => state === 'pending').map(({ tag }) => tag)
  if (pending.length === 0 && status.every(({ state }) => state !== 'changed')) return []
  try {
    return await applyPending(client, schema, wait)
  } catch (error) {
    const [code = ''] = codesOf(error)
    if (!NEEDS_OWNER.has(code)) throw error
    const advice = 'Run `fastify-chat migrate up` as the owner of the schema, on a writable server.'
    const reason = error instanceof Error ? error.message : code
    throw new Error(`Migrations are pending (${pending.join(', ')}) and can't be applied: ${reason}. ${advice}`, {
      cause: error
    })
  }
}

// The SQLSTATEs insufficient_privilege and read_only_sql_transaction.
const NEEDS_OWNER = new Set(['42501', '25006'])

const applyPending = (client: SqlClient, schema: string, wait: LockWait): Promise<string[]> =>
  locked(client, schema, wait, async transaction => {
    await transaction.exec(`create table if not exists ${bookkeeping(schema)} (
      tag text primary key, hash text not null, applied_at timestamptz not null default clock_timestamp())`)
    const migrations = readMigrations()
    const applied = await appliedIn(transaction, schema)
    refuseChanged(migrations, applied)
    const pending = migrations.filter(({ tag }) => !applied.has(tag))
    for (const { tag, up, hash } of pending) {
      await run(transaction, up, schema)
      await transaction.query(`insert into ${bookkeeping(schema)} (tag, hash) values ($1, $2)`, [tag, hash])
    }
    // A new database has no processes of an older release, and the embedded database has no other processes at all. So the
    // upgrade can be finished immediately.
    if (pending.length > 0 && (applied.size === 0 || client.engine === 'pglite')) await finishIn(transaction, schema)
    return pending.map(({ tag }) => tag)
  })

/** Reverts the newest applied migration. Returns its tag, or `undefined` if none is applied. */
export const migrateDown = (client: SqlClient, schema: string, wait = LOCK_WAIT): Promise<string | undefined> =>
  locked(client, schema, wait, async transaction => {
    if (!(await hasBookkeeping(transaction, schema))) return undefined
    const newest = [...(await appliedIn(transaction, schema)).keys()].at(-1)
    if (newest === undefined) return undefined
    const migration = readMigrations().find(({ tag }) => tag === newest)
    if (!migration)
      throw new Error(
        `The migration ${newest} is not part of this release. Revert it with the release that applied it.`
      )
    await run(transaction, migration.down, schema)
    await transaction.query(`delete from ${bookkeeping(schema)} where tag = $1`, [newest])
    return newest
  })

/** Returns the state of every migration, in order: first those of this release, then those that only the database records. */
export const migrationStatus = (client: SqlClient, schema: string): Promise<MigrationStatus[]> =>
  client.transaction(async transaction => {
    const applied = (await hasBookkeeping(transaction, schema))
      ? await appliedIn(transaction, schema)
      : new Map<string, Applied>()
    const migrations = readMigrations()
    const known = new Set(migrations.map(({ tag }) => tag))
    const ours = migrations.map(({ tag, hash }): MigrationStatus => {
      const row = applied.get(tag)
      if (!row) return { tag, state: 'pending' }
      return { tag, state: row.hash === hash ? 'applied' : 'changed', appliedAt: row.at }
    })
    const foreign = [...applied.values()].filter(({ tag }) => !known.has(tag))
    return [...ours, ...foreign.map(({ tag, at }) => ({ tag, state: 'unknown' as const, appliedAt: at }))]
  })

/** Rejects if a migration of this release is pending. Used if `migrateOnStart` is false, and before an upgrade is finished. */
export const requireMigrated = async (client: SqlClient, schema: string): Promise<void> => {
  const pending = (await migrationStatus(client, schema)).filter(({ state }) => state === 'pending')
  if (pending.length === 0) return
  const tags = pending.map(({ tag }) => tag).join(', ')
  throw new Error(
    `Migrations of the schema "${schema}" are pending (${tags}). Run \`fastify-chat migrate up\`, or set MIGRATE_ON_START=true.`
  )
}

const quoted = (schema: string): string => `"${schema.replaceAll('"', '""')}"`
const bookkeeping = (schema: string): string => `${quoted(schema)}."chat_migrations"`

type Work<T> = (transaction: SqlTransaction) => Promise<T>

/** Runs work in one transaction that holds the advisory lock. Retries after a delay if a table lock is not granted in time. */
const locked = async <T>(client: SqlClient, schema: string, wait: LockWait, work: Work<T>): Promise<T> => {
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
  client.transaction(async transaction => {
    // A migration may take a long time, so it has no statement timeout. Waiting for the advisory lock has no lock timeout
    // either, because another process may hold the lock while it migrates.
    await transaction.exec('set local statement_timeout = 0; set local lock_timeout = 0')
    await transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`fastify-chat:migrate:${schema}`])
    await transaction.exec(`set local lock_timeout = ${lockMs}`)
    // Looks for the schema first, because `create schema if not exists` requires the CREATE privilege even if the schema
    // exists.
    const found = await transaction.query('select 1 from pg_namespace where nspname = $1', [schema])
    if (found.length === 0) await transaction.exec(`create schema ${quoted(schema)}`)
    return work(transaction)
  })

const isLockTimeout = (error: unknown): boolean => codesOf(error).includes('55P03')

/**
 * Runs the SQL of a migration in `schema`. Replaces the schema `public` in the names that drizzle-kit qualified with it. The
 * search path makes the other names refer to `schema` too.
 */
const run = async (transaction: SqlTransaction, text: string, schema: string): Promise<void> => {
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

const hasBookkeeping = async (transaction: SqlTransaction, schema: string): Promise<boolean> => {
  const [row] = await transaction.query<{ found: boolean }>('select to_regclass($1) is not null as found', [
    bookkeeping(schema)
  ])
  return row?.found ?? false
}

/**
 * Returns the applied migrations, keyed by tag and sorted by tag. Tags begin with a number, so this is the order in which the
 * migrations were applied.
 */
const appliedIn = async (transaction: SqlTransaction, schema: string): Promise<Map<string, Applied>> => {
  const rows = await transaction.query<Applied>(
    `select tag, hash, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from ${bookkeeping(schema)} order by tag`
  )
  return new Map(rows.map(row => [row.tag, row]))
}

const refuseChanged = (migrations: readonly Migration[], applied: ReadonlyMap<string, Applied>): void => {
  const changed = migrations.filter(({ tag, hash }) => applied.has(tag) && applied.get(tag)?.hash !== hash)
  if (changed.length === 0) return
  const tags = changed.map(({ tag }) => tag).join(', ')
  throw new Error(
    `The files of applied migrations have changed: ${tags}. Restore the files, and write a new migration instead.`
  )
}
