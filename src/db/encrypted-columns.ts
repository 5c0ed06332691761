/** Lists every column that contains Fernet tokens. */

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

/** Every encrypted column. A test stores a token in each of them, and compares this list with the columns that contain tokens. */
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

/** A table with encrypted columns. All tokens of a row are encrypted with the same key. */
export interface EncryptedTable extends Pick<EncryptedColumn, 'table' | 'keyIdColumn' | 'primaryKey'> {
  readonly columns: readonly string[]
}

/** The encrypted columns, grouped by table. */
export const ENCRYPTED_TABLES: readonly EncryptedTable[] = [
  ...new Map(ENCRYPTED_COLUMNS.map(one => [one.table, one])).values()
].map(({ table, keyIdColumn, primaryKey }) => ({
  table,
  keyIdColumn,
  primaryKey,
  columns: ENCRYPTED_COLUMNS.filter(one => one.table === table).map(({ column }) => column)
}))
