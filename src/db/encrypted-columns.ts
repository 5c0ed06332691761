/** Lists every column that holds Fernet tokens. Keys are counted, and later rotated, by this list. */
import type { SqlClient } from './client/types.ts'

/** A column of tokens, and the column of the same row that has the id of their key. */
export interface EncryptedColumn {
  readonly table: string
  readonly column: string
  readonly keyIdColumn: string
}

/** A test stores an entry of every kind and compares this list with the columns in which tokens are found. */
export const ENCRYPTED_COLUMNS: readonly EncryptedColumn[] = [
  { table: 'messages', column: 'content', keyIdColumn: 'key_id' },
  { table: 'messages', column: 'meta', keyIdColumn: 'key_id' }
]

/** How many tokens of a column are under a key; null where no key is named. */
export interface KeyUse extends Pick<EncryptedColumn, 'table' | 'column'> {
  readonly keyId: string | null
  readonly tokens: number
}

/** Counts the tokens of every encrypted column by key. Reads whole tables. */
export const countTokensByKey = (client: Pick<SqlClient, 'query'>, schema: string): Promise<KeyUse[]> => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const counts = ENCRYPTED_COLUMNS.map(
    ({ table, column, keyIdColumn }) =>
      `select '${table}' as "table", '${column}' as "column", "${keyIdColumn}" as "keyId", count(*)::integer as tokens
       from ${inSchema}."${table}" where "${column}" is not null group by "${keyIdColumn}"`
  )
  return client.query<KeyUse>(`${counts.join(' union all ')} order by 1, 2, 3`)
}
