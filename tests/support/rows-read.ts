/** Counts the rows that a piece of work reads from a table of PostgreSQL. */
import { expect } from 'vitest'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { clientIn } from '../../src/db/transaction.ts'

/** Runs `work` in a transaction that is rolled back. Returns how many rows of the table it read. */
export const rowsRead = async (
  { client, schema }: { readonly client: SqlClient; readonly schema: string },
  table: string,
  work: (database: ChatDatabase) => Promise<unknown>
): Promise<number> => {
  const done = new Error('The transaction is rolled back.')
  let rows = 0
  const read = client.transaction(async transaction => {
    const fetched = async (): Promise<number> => {
      const [row] = await transaction.query<{ count: number }>(
        `select coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::integer as count from pg_stat_xact_user_tables
         where schemaname = $1 and relname = $2`,
        [schema, table]
      )
      return row?.count ?? 0
    }
    const before = await fetched()
    await work(createDatabase(clientIn(client, transaction), schema))
    rows = (await fetched()) - before
    throw done
  })
  await expect(read).rejects.toBe(done)
  return rows
}
