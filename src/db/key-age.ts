/** Reads how long an encryption key has been in use. */
import type { ChatDatabase } from './database.ts'

/** Returns the seconds since the key was first used, or undefined if the table `keys` does not contain the key. */
export const keyAge = async (
  { client, schema }: Pick<ChatDatabase, 'client' | 'schema'>,
  keyId: string
): Promise<number | undefined> => {
  const table = `"${schema.replaceAll('"', '""')}"."keys"`
  // The table is missing while the database still has the schema of an older release.
  const [found] = await client.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [table])
  if (!found?.exists) return undefined
  const [row] = await client.query<{ age: number }>(
    `select extract(epoch from clock_timestamp() - first_used_at)::double precision as age from ${table} where key_id = $1`,
    [keyId]
  )
  return row?.age
}
