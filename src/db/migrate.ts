/**
 * Applies the migrations in drizzle/ to one schema, and undoes them. Each run is one transaction under an advisory lock:
 * of several processes that start together one migrates, the others find it done. Bookkeeping lies in the schema too.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { packageFile } from '../lib/package.ts'
import { codesOf } from './client/errors.ts'
import type { SqlClient, SqlTransaction } from './client/types.ts'

/** One migration as files: SQL for `public`, both ways. */
export interface Migration {
  /** The file's name without `.sql`, e.g. `0000_tables`. */
  readonly tag: string
  readonly up: string
  readonly down: string
  /** SHA-256 of `up`; what is applied must not change. */
  readonly hash: string
}

/** A migration and where it stands. `unknown`: the database has it, these files don't: a newer release was here. */
export interface MigrationStatus {
  readonly tag: string
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown'
  /** RFC 3339, for those in the database. */
  readonly appliedAt?: string
}

interface Applied {
  readonly tag: string
  readonly hash: string
  readonly at: string
}

// The same bytes whatever a checkout makes of line ends.
const read = (...path: string[]): string =>
  readFileSync(packageFile('drizzle', ...path), 'utf8').replaceAll('\r\n', '\n')

/** How a migration waits for the tables that others use. */
export interface LockWait {
  /** How long a statement waits for a lock, in milliseconds: appends of running processes queue behind it. */
  readonly lockMs: number
  /** The pauses between the attempts, in milliseconds, in which those appends go on. */
  readonly pausesMs: Iterable<number>
}

const LOCK_WAIT: LockWait = { lockMs: 3000, pausesMs: [1000, 2000, 4000] }

/** The migrations of this release, in order. */
export const readMigrations = (): Migration[] => {
  const { entries } = JSON.parse(read('meta', '_journal.json')) as { entries: { tag: string }[] }
  return entries.map(({ tag }) => {
    const up = read(`${tag}.sql`)
    return { tag, up, down: read('down', `${tag}.sql`), hash: createHash('sha256').update(up).digest('hex') }
  })
}

/**
 * Applies what is pending; returns the tags. Rejects, with nothing done, when an applied file was changed since. Looks first:
 * with nothing pending, nothing is locked or written, so that a role that owns nothing and a read-only server will do.
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
    const advice = 'Run `fastify-chat migrate up` as the owner of the schema, on a server that can be written to.'
    const reason = error instanceof Error ? error.message : code
    throw new Error(`Migrations are pending (${pending.join(', ')}) and can't be applied: ${reason}. ${advice}`, {
      cause: error
    })
  }
}

/** SQLSTATEs: insufficient privilege, read-only server. */
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
    return pending.map(({ tag }) => tag)
  })

/** Undoes the newest applied migration; answers its tag, or `undefined` when there is none. */
export const migrateDown = (client: SqlClient, schema: string, wait = LOCK_WAIT): Promise<string | undefined> =>
  locked(client, schema, wait, async transaction => {
    if (!(await hasBookkeeping(transaction, schema))) return undefined
    const newest = [...(await appliedIn(transaction, schema)).keys()].at(-1)
    if (newest === undefined) return undefined
    const migration = readMigrations().find(({ tag }) => tag === newest)
    if (!migration)
      throw new Error(`The migration ${newest} is not of this release: undo it with the one that applied it.`)
    await run(transaction, migration.down, schema)
    await transaction.query(`delete from ${bookkeeping(schema)} where tag = $1`, [newest])
    return newest
  })

/** The history: every migration of these files and of the database, in order. */
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

/** For a service that must not migrate: rejects with what to do when a migration of this release is not applied. */
export const requireMigrated = async (client: SqlClient, schema: string): Promise<void> => {
  const pending = (await migrationStatus(client, schema)).filter(({ state }) => state === 'pending')
  if (pending.length === 0) return
  const tags = pending.map(({ tag }) => tag).join(', ')
  throw new Error(
    `The schema "${schema}" is behind (${tags}): run \`fastify-chat migrate up\`, or set MIGRATE_ON_START.`
  )
}

const quoted = (schema: string): string => `"${schema.replaceAll('"', '""')}"`
const bookkeeping = (schema: string): string => `${quoted(schema)}."chat_migrations"`

type Work<T> = (transaction: SqlTransaction) => Promise<T>

/** Runs the work in one transaction under the advisory lock, and again after a pause when a table stayed locked. */
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
    // Another process that migrates is waited for, however long it takes.
    await transaction.exec('set local statement_timeout = 0; set local lock_timeout = 0')
    await transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`fastify-chat:migrate:${schema}`])
    await transaction.exec(`set local lock_timeout = ${lockMs}`)
    // Asked first: `create schema if not exists` wants a right on the database even when the schema is there.
    const found = await transaction.query('select 1 from pg_namespace where nspname = $1', [schema])
    if (found.length === 0) await transaction.exec(`create schema ${quoted(schema)}`)
    return work(transaction)
  })

const isLockTimeout = (error: unknown): boolean => codesOf(error).includes('55P03')

/** drizzle-kit writes names of `public` without their schema, and hand-written SQL with it; both must land in ours. */
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
    'Nothing was changed. End the long transactions that use the table (pg_stat_activity), and run it again.'
  return new Error(`The migration did not get the lock for: ${firstLine} … ${advice}`, { cause })
}

const hasBookkeeping = async (transaction: SqlTransaction, schema: string): Promise<boolean> => {
  const [row] = await transaction.query<{ found: boolean }>('select to_regclass($1) is not null as found', [
    bookkeeping(schema)
  ])
  return row?.found ?? false
}

/** By tag, in the order in which they were applied. */
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
  throw new Error(`Applied migrations were changed since: ${tags}. Restore the files; write a new migration instead.`)
}
