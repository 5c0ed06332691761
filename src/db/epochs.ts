/** Changes the epochs of all rooms after the database was restored from a backup. */
import type { SqlClient } from './client/types.ts'
import { qualified } from './table-pages.ts'

/** Maximum number of rooms per statement. Appends to these rooms wait until the statement ends. */
const PAGE = 500

/**
 * Gives every room a new epoch, and returns the number of rooms. After a restore, a `seq` that a client knows may belong to
 * another entry. A client that resumes with the old epoch therefore loads the history again. May be repeated after an
 * interruption.
 */
export const renewEpochs = async (client: Pick<SqlClient, 'query'>, schema: string): Promise<number> => {
  const rooms = qualified(schema, 'rooms')
  let count = 0
  for (let after: number | null = 0; after !== null; ) {
    const [page]: { count: number; last: number | null }[] = await client.query<{ count: number; last: number | null }>(
      `with renewed as (
        update ${rooms} set epoch = replace(gen_random_uuid()::text, '-', '')
        where id = any(array(select id from ${rooms} where id > $1 order by id limit ${PAGE})) returning id
      ) select count(*)::integer as count, max(id) as last from renewed`,
      [after]
    )
    count += page?.count ?? 0
    after = page?.last ?? null
  }
  return count
}
