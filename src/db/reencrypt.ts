/**
 * Encrypts stored tokens again with the current key. The service may run at the same time, and an interrupted run can be
 * repeated.
 */
import type { Keyring } from '../crypto/keyring.ts'
import type { SqlClient } from './client/types.ts'
import { ENCRYPTED_COLUMNS, type EncryptedColumn } from './encrypted-columns.ts'

/** The result of one statement. */
export interface ReencryptedBatch {
  readonly table: string
  /** The number of rows that are now encrypted with the current key. */
  readonly rows: number
  /** The number of rows that no key of the keyring decrypts. They stay as they are. */
  readonly unreadable: number
}

export interface ReencryptOptions {
  readonly client: Pick<SqlClient, 'transaction'>
  readonly schema: string
  readonly keyring: Keyring
  /** Maximum number of rows per transaction. */
  readonly batch?: number
  readonly onBatch?: (batch: ReencryptedBatch) => void
}

const BATCH = 500

type Row = Readonly<Record<string, string | null>>

/**
 * Encrypts again every token that is not encrypted with the current key. Returns the number of rows that no key decrypts. Skips
 * rows that another transaction has locked, and therefore repeats the pass through a table until a pass changes nothing.
 */
export const reencrypt = async (options: ReencryptOptions): Promise<number> => {
  let unreadable = 0
  for (const columns of tablesOf(ENCRYPTED_COLUMNS)) {
    for (;;) {
      const pass = await passOver(options, columns)
      if (pass.rows > 0) continue
      unreadable += pass.unreadable
      break
    }
  }
  return unreadable
}

/** Groups the columns by table, because all tokens of a row have the same key. */
const tablesOf = (columns: readonly EncryptedColumn[]): EncryptedColumn[][] =>
  [...new Set(columns.map(({ table }) => table))].map(name => columns.filter(({ table }) => table === name))

/** Performs one pass through a table, in the order of its primary key. */
const passOver = async (
  { client, schema, keyring, batch = BATCH, onBatch }: ReencryptOptions,
  columns: readonly EncryptedColumn[]
): Promise<Omit<ReencryptedBatch, 'table'>> => {
  const [first] = columns
  if (!first) return { rows: 0, unreadable: 0 }
  const { table, primaryKey } = first
  const statements = statementsOf(`"${schema.replaceAll('"', '""')}"."${table}"`, columns, first)
  const keyNames = Object.keys(primaryKey)
  const tokenNames = columns.map(({ column }) => column)
  const total = { rows: 0, unreadable: 0 }
  let last: Row | undefined
  for (;;) {
    // The rows stay locked until the new tokens are written, so that no other change of a row is overwritten.
    const { read, written } = await client.transaction(async transaction => {
      const after = last && keyNames.map(name => last?.[name] ?? null)
      const text = after ? statements.next : statements.first
      const read = await transaction.query<Row>(text, [keyring.currentKeyId, batch, ...(after ?? [])])
      const written = read
        .map(row => encryptedAgain(keyring, row, tokenNames, first.keyIdColumn))
        .filter(row => row !== undefined)
      const values = [...keyNames, ...tokenNames].map(name => written.map(row => row[name] ?? null))
      if (written.length > 0) await transaction.query(statements.update, [keyring.currentKeyId, ...values])
      return { read, written }
    })
    const unreadable = read.length - written.length
    total.rows += written.length
    total.unreadable += unreadable
    if (read.length > 0) onBatch?.({ table, rows: written.length, unreadable })
    if (read.length < batch) return total
    last = read.at(-1)
  }
}

/** Returns a row with new tokens, or undefined if no key decrypts one of its tokens. */
const encryptedAgain = (keyring: Keyring, row: Row, columns: readonly string[], keyId: string): Row | undefined => {
  const changed: Record<string, string | null> = { ...row }
  for (const column of columns) {
    const token = row[column]
    if (token === null || token === undefined) continue
    const text = keyring.decrypt(token, row[keyId] ?? undefined)
    if (text === undefined) return undefined
    changed[column] = keyring.encrypt(text).token
  }
  return changed
}

const statementsOf = (
  table: string,
  columns: readonly EncryptedColumn[],
  { primaryKey, keyIdColumn }: EncryptedColumn
) => {
  const keys = Object.entries(primaryKey)
  const keyNames = keys.map(([name]) => `"${name}"`)
  const tokens = columns.map(({ column }) => `"${column}"`)
  const stored = keyNames.map(name => `stored.${name}`).join(', ')
  const read = (after: string): string =>
    `select ${keyNames.map(name => `${name}::text`).join(', ')}, ${tokens.join(', ')}, "${keyIdColumn}" from ${table} as stored
     where "${keyIdColumn}" is distinct from $1 and (${tokens.map(name => `${name} is not null`).join(' or ')}) ${after}
     order by ${stored} limit $2::integer for update skip locked`
  const cursor = keys.map(([, type], at) => `$${at + 3}::${type}`).join(', ')
  const values = [...keyNames, ...tokens]
  return {
    first: read(''),
    next: read(`and (${stored}) > (${cursor})`),
    update: `update ${table} as stored set ${tokens.map(name => `${name} = one.${name}`).join(', ')}, "${keyIdColumn}" = $1
      from unnest(${values.map((_, at) => `$${at + 2}::text[]`).join(', ')}) as one (${values.join(', ')})
      where ${keys.map(([name, type]) => `stored."${name}" = one."${name}"::${type}`).join(' and ')}`
  }
}
