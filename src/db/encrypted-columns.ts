/** Lists every column that contains Fernet tokens, and counts how many of the tokens are encrypted with each key. */
import type { SqlClient } from './client/types.ts'

/**
 * A column that contains Fernet tokens. `keyIdColumn` is the column of the same table that contains the id of the key with
 * which the token was encrypted.
 */
export interface EncryptedColumn {
  readonly table: string
  readonly column: string
  readonly keyIdColumn: string
  /** The columns of the table's primary key, with their types. */
  readonly primaryKey: Readonly<Record<string, 'integer' | 'bigint' | 'text'>>
}

/** Every encrypted column. A test stores an entry of each kind and compares this list with the columns that contain tokens. */
export const ENCRYPTED_COLUMNS: readonly EncryptedColumn[] = [
  { table: 'emails', column: 'address', keyIdColumn: 'key_id', primaryKey: { user_id: 'integer', state: 'text' } },
  { table: 'lookup_keys', column: 'secret', keyIdColumn: 'key_id', primaryKey: { name: 'text' } },
  { table: 'messages', column: 'content', keyIdColumn: 'key_id', primaryKey: { room_id: 'integer', seq: 'bigint' } },
  { table: 'messages', column: 'meta', keyIdColumn: 'key_id', primaryKey: { room_id: 'integer', seq: 'bigint' } },
  { table: 'outbox', column: 'payload', keyIdColumn: 'key_id', primaryKey: { id: 'text' } },
  { table: 'reports', column: 'content', keyIdColumn: 'key_id', primaryKey: { id: 'integer' } },
  { table: 'reports', column: 'reason', keyIdColumn: 'key_id', primaryKey: { id: 'integer' } },
  {
    table: 'restrictions',
    column: 'reason',
    keyIdColumn: 'key_id',
    primaryKey: { room_id: 'integer', user_id: 'integer', kind: 'text' }
  },
  { table: 'totp', column: 'secret', keyIdColumn: 'key_id', primaryKey: { user_id: 'integer' } }
]

/**
 * The number of tokens in a column that are encrypted with one key. `keyId` is null for tokens that are stored without a key
 * id.
 */
export interface KeyUse extends Pick<EncryptedColumn, 'table' | 'column'> {
  readonly keyId: string | null
  readonly tokens: number
}

/** Counts the tokens of each key in every encrypted column. Scans whole tables. */
export const countTokensByKey = (client: Pick<SqlClient, 'query'>, schema: string): Promise<KeyUse[]> => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const counts = ENCRYPTED_COLUMNS.map(
    ({ table, column, keyIdColumn }) =>
      `select '${table}' as "table", '${column}' as "column", "${keyIdColumn}" as "keyId", count(*)::integer as tokens
       from ${inSchema}."${table}" where "${column}" is not null group by "${keyIdColumn}"`
  )
  return client.query<KeyUse>(`${counts.join(' union all ')} order by 1, 2, 3`)
}
