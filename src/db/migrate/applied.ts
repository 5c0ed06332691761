/** Reads and writes the table that records the applied migrations of a schema. The table is in the same schema. */
import type { SqlTransaction } from '../client/types.ts'
import type { Migration } from './files.ts'
import { quoted } from './locked.ts'

export interface Applied {
  readonly tag: string
  readonly hash: string
  readonly at: string
}

const bookkeeping = (schema: string): string => `${quoted(schema)}."chat_migrations"`

export const createBookkeeping = (transaction: SqlTransaction, schema: string): Promise<void> =>
  transaction.exec(`create table if not exists ${bookkeeping(schema)} (
      tag text primary key, hash text not null, applied_at timestamptz not null default clock_timestamp())`)

export const hasBookkeeping = async (transaction: SqlTransaction, schema: string): Promise<boolean> => {
  const [row] = await transaction.query<{ found: boolean }>('select to_regclass($1) is not null as found', [
    bookkeeping(schema)
  ])
  return row?.found ?? false
}

/**
 * Returns the applied migrations, keyed by tag and sorted by tag. Tags begin with a number, so this is the order in which the
 * migrations were applied.
 */
export const appliedIn = async (transaction: SqlTransaction, schema: string): Promise<Map<string, Applied>> => {
  const rows = await transaction.query<Applied>(
    `select tag, hash, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from ${bookkeeping(schema)} order by tag`
  )
  return new Map(rows.map(row => [row.tag, row]))
}

/** Records that a migration was applied. */
export const recordApplied = async (
  transaction: SqlTransaction,
  schema: string,
  { tag, hash }: Migration
): Promise<void> => {
  await transaction.query(`insert into ${bookkeeping(schema)} (tag, hash) values ($1, $2)`, [tag, hash])
}

/** Records that a migration was reverted. */
export const recordReverted = async (transaction: SqlTransaction, schema: string, tag: string): Promise<void> => {
  await transaction.query(`delete from ${bookkeeping(schema)} where tag = $1`, [tag])
}
