/**
 * Applies the migrations in drizzle/ to one schema, and reverts them. Each run is one transaction that holds an advisory lock.
 * If several processes start at the same time, one process migrates. The other processes wait, and then find nothing pending.
 */
import { codesOf } from './client/errors.ts'
import type { SqlClient, SqlTransaction } from './client/types.ts'
import {
  type Applied,
  appliedIn,
  createBookkeeping,
  hasBookkeeping,
  recordApplied,
  recordReverted
} from './migrate/applied.ts'
import { droppedBy } from './migrate/dropped.ts'
import { type Migration, readMigrations } from './migrate/files.ts'
import { holdAppends, type LockWait, locked, run } from './migrate/locked.ts'
import { finishIn } from './repositories/processes.ts'

/**
 * The state of a migration. `changed` means that the file was changed after the migration was applied. `unknown` means that the
 * database records the migration but this release does not contain it, usually because a newer release applied it.
 */
export interface MigrationStatus {
  readonly tag: string
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown'
  /** When the migration was applied, as an RFC 3339 time. Absent if the migration is pending. */
  readonly appliedAt?: string
}

const LOCK_WAIT: LockWait = { lockMs: 3000, pausesMs: [1000, 2000, 4000] }

/**
 * Applies the pending migrations and returns their tags. Rejects, and changes nothing, if the file of an applied migration has
 * changed. If nothing is pending, takes no lock and writes nothing. A service can therefore start with a role that does not own
 * the schema, or on a read-only server.
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
    await createBookkeeping(transaction, schema)
    const migrations = readMigrations()
    const applied = await appliedIn(transaction, schema)
    refuseChanged(migrations, applied)
    const pending = migrations.filter(({ tag }) => !applied.has(tag))
    if (pending.length > 0) await holdAppends(transaction, schema)
    for (const migration of pending) {
      await run(transaction, migration.up, schema)
      await recordApplied(transaction, schema, migration)
    }
    // A new database has no processes of an older release, and the embedded database has no other processes at all. So the
    // upgrade can be finished immediately.
    if (pending.length > 0 && (applied.size === 0 || client.engine === 'pglite')) await finishIn(transaction, schema)
    return pending.map(({ tag }) => tag)
  })

/** A migration that `migrateDown` would revert, and a description of the data that this would delete. */
export interface Revertible {
  readonly tag: string
  /** See `droppedBy`. */
  readonly dropped: readonly string[]
}

/** Returns what `migrateDown` would revert, or `undefined` if no migration is applied. */
export const findRevertible = (client: SqlClient, schema: string): Promise<Revertible | undefined> =>
  client.transaction(
    async transaction => {
      if (!(await hasBookkeeping(transaction, schema))) return undefined
      const migration = await newestIn(transaction, schema)
      return migration && { tag: migration.tag, dropped: await droppedBy(transaction, schema, migration.down) }
    },
    { isUnlimited: true }
  )

/** Returns the newest applied migration. Throws if this release does not have it. */
const newestIn = async (transaction: SqlTransaction, schema: string): Promise<Migration | undefined> => {
  const newest = [...(await appliedIn(transaction, schema)).keys()].at(-1)
  const migration = readMigrations().find(({ tag }) => tag === newest)
  if (newest !== undefined && !migration)
    throw new Error(`The migration ${newest} is not part of this release. Revert it with the release that applied it.`)
  return migration
}

/** Reverts the newest applied migration. Returns its tag, or `undefined` if no migration is applied. */
export const migrateDown = (client: SqlClient, schema: string, wait = LOCK_WAIT): Promise<string | undefined> =>
  locked(client, schema, wait, async transaction => {
    if (!(await hasBookkeeping(transaction, schema))) return undefined
    const migration = await newestIn(transaction, schema)
    if (!migration) return undefined
    const newest = migration.tag
    await holdAppends(transaction, schema)
    await run(transaction, migration.down, schema).catch(error => {
      throw refusalOf(newest, error)
    })
    await recordReverted(transaction, schema, newest)
    return newest
  })

/**
 * Returns the state of every migration, in order: first the migrations of this release, then migrations that only the database
 * records.
 */
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

/**
 * Rejects if a migration of this release is pending. Called by commands, and at the start of the service if `migrateOnStart` is
 * false.
 */
export const requireMigrated = async (client: SqlClient, schema: string): Promise<void> => {
  const pending = (await migrationStatus(client, schema)).filter(({ state }) => state === 'pending')
  if (pending.length === 0) return
  const tags = pending.map(({ tag }) => tag).join(', ')
  throw new Error(
    `Migrations of the schema "${schema}" are pending (${tags}). Run \`fastify-chat migrate up\`, or set MIGRATE_ON_START=true.`
  )
}

/**
 * Returns the error to throw if a down migration fails. If the migration itself has raised the error to prevent the revert, the
 * returned error shows the message of the migration. Redaction hides the messages of other PostgreSQL errors, because they may
 * quote rows.
 */
const refusalOf = (tag: string, error: unknown): unknown => {
  if (!(error instanceof Error) || !codesOf(error).includes(REFUSED)) return error
  const { hint } = error as { hint?: unknown }
  const advice = typeof hint === 'string' ? ` ${hint}` : ''
  return new Error(`The migration ${tag} can't be reverted: ${error.message}.${advice}`, { cause: error })
}

// The SQLSTATE object_not_in_prerequisite_state, which migrations raise.
const REFUSED = '55000'

const refuseChanged = (migrations: readonly Migration[], applied: ReadonlyMap<string, Applied>): void => {
  const changed = migrations.filter(({ tag, hash }) => applied.has(tag) && applied.get(tag)?.hash !== hash)
  if (changed.length === 0) return
  const tags = changed.map(({ tag }) => tag).join(', ')
  throw new Error(
    `The files of applied migrations have changed: ${tags}. Restore the files, and write a new migration instead.`
  )
}
