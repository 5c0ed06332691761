/** Counts the blocks of a schema that a piece of work reads from PostgreSQL. */
import { expect } from 'vitest'
import type { SqlClient } from '../../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import { clientIn } from '../../src/db/transaction.ts'

/**
 * Runs `work` in a transaction that is rolled back. Returns how many blocks of the tables and indexes it read. A block counts
 * each time it is read, also from the cache.
 */
export const blocksRead = async (
  { client, schema }: { readonly client: SqlClient; readonly schema: string },
  work: (database: ChatDatabase) => Promise<unknown>
): Promise<number> => {
  const done = new Error('The transaction is rolled back.')
  let blocks = 0
  const read = client.transaction(async transaction => {
    const fetched = async (): Promise<number> => {
      const [row] = await transaction.query<{ count: number }>(
        `select coalesce(sum(pg_stat_get_xact_blocks_fetched(oid)), 0)::integer as count from pg_class
         where relnamespace = $1::regnamespace`,
        [`"${schema}"`]
      )
      return row?.count ?? 0
    }
    const before = await fetched()
    await work(createDatabase(clientIn(client, transaction), schema))
    blocks = (await fetched()) - before
    throw done
  })
  await expect(read).rejects.toBe(done)
  return blocks
}
