/** Finds out which data a down migration would delete. */
import type { SqlTransaction } from '../client/types.ts'
import { quoted } from './locked.ts'

/** Maximum number of rows of a table that are counted. */
const MAX_COUNTED = 10_000

const TABLE = /^DROP TABLE "public"\."(\w+)"/gm
const COLUMN = /\bDROP COLUMN "(\w+)"/g
const ALTER = /^ALTER TABLE "public"\."(\w+)"(.*DROP COLUMN.*)$/gm

/**
 * Describes the rows and columns that a down migration would delete, for example `3 rows of blocks` or `the column topic of
 * rooms`. Empty tables, and columns of empty tables, are left out.
 */
export const droppedBy = async (transaction: SqlTransaction, schema: string, down: string): Promise<string[]> => {
  const count = async (table: string): Promise<number> => {
    const limited = `select from ${quoted(schema)}."${table}" limit ${MAX_COUNTED + 1}`
    const [row] = await transaction.query<{ rows: number }>(`select count(*)::integer as rows from (${limited}) as few`)
    return row?.rows ?? 0
  }
  const dropped: string[] = []
  for (const [, table = ''] of down.matchAll(TABLE)) {
    const rows = await count(table)
    if (rows > MAX_COUNTED) dropped.push(`more than ${MAX_COUNTED} rows of ${table}`)
    else if (rows > 0) dropped.push(`${rows} ${rows === 1 ? 'row' : 'rows'} of ${table}`)
  }
  for (const [, table = '', columns = ''] of down.matchAll(ALTER)) {
    if ((await count(table)) === 0) continue
    for (const [, column] of columns.matchAll(COLUMN)) dropped.push(`the column ${column} of ${table}`)
  }
  return dropped
}
