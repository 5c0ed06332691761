/**
 * Encrypts stored tokens again with the current key, while the service runs. A row is replaced only if it still contains what was
 * read, so that an edit or an erasure in the meantime is not undone. An interrupted run can be repeated: rows that have the
 * current key are not changed again.
 */
import type { Keyring } from '../crypto/keyring.ts'
import type { Pace } from '../lib/pace.ts'
import type { SqlClient } from './client/types.ts'
import { ENCRYPTED_TABLES, type EncryptedTable } from './encrypted-columns.ts'
import { lastOf, type Place, pageOf, qualified } from './table-pages.ts'

/** The result of one page. */
export interface ReencryptedPage {
  readonly table: string
  /** The number of rows in the page, including rows that needed no change. */
  readonly read: number
  /** The number of rows that this pass encrypted again, with the current key. */
  readonly rows: number
  /** The number of rows that no key of the keyring decrypts. They are not changed. */
  readonly unreadable: number
  /** The number of rows that were skipped because other transactions had locked or changed them. A later pass encrypts them. */
  readonly skipped: number
}

export type PassTotal = Omit<ReencryptedPage, 'table'>

export interface ReencryptOptions {
  readonly client: Pick<SqlClient, 'query' | 'transaction'>
  readonly schema: string
  readonly keyring: Keyring
  /** Number of rows per page, if there is no pace. Each page is a transaction of its own. */
  readonly pageSize?: number
  /** Limits the load of the pass on the database, and sets the number of rows per page. If absent, the pass makes no pauses. */
  readonly pace?: Pace | undefined
  readonly onPage?: ((page: ReencryptedPage) => void) | undefined
}

const PAGE_SIZE = 250

/** Maps columns to values. A row that was read contains its tokens, the id of their key, and its primary key as texts. */
type Row = Readonly<Record<string, string | null>>

/** Reads every encrypted table once, and encrypts the tokens of other keys again with the current key. */
export const reencryptOnce = async ({ pace, onPage, ...options }: ReencryptOptions): Promise<PassTotal> => {
  const total = { read: 0, rows: 0, unreadable: 0, skipped: 0 }
  for (const table of ENCRYPTED_TABLES) {
    for (let place: Place | undefined = []; place; ) {
      const from: Place = place
      const work = (pageSize?: number) => reencryptPage({ ...options, ...(pageSize ? { pageSize } : {}) }, table, from)
      const { next, ...page } = await (pace ? pace.run(work) : work())
      place = next
      if (page.read === 0) continue
      for (const name of ['read', 'rows', 'unreadable', 'skipped'] as const) total[name] += page[name]
      onPage?.({ table: table.table, ...page })
    }
  }
  return total
}

const reencryptPage = async (
  { client, schema, keyring, pageSize = PAGE_SIZE }: Omit<ReencryptOptions, 'pace' | 'onPage'>,
  table: EncryptedTable,
  place: Place
): Promise<PassTotal & { readonly next: Place | undefined }> => {
  const { currentKeyId } = keyring
  const [page] = await client.query<{ read: number; last: string | null; found: string }>(
    readOf(schema, table, place),
    [currentKeyId, pageSize, ...place]
  )
  const found: Row[] = JSON.parse(page?.found ?? '[]')
  const changed = found.flatMap(row => encryptedAgain(keyring, row, table) ?? [])
  const rows = changed.length === 0 ? 0 : await write(client, schema, table, currentKeyId, changed)
  const read = page?.read ?? 0
  return {
    read,
    rows,
    unreadable: found.length - changed.length,
    skipped: changed.length - rows,
    next: read < pageSize ? undefined : JSON.parse(page?.last ?? '[]')
  }
}

/** Writes the new tokens in one transaction. Resolves with the number of rows that were replaced. */
const write = (
  client: ReencryptOptions['client'],
  schema: string,
  table: EncryptedTable,
  currentKeyId: string,
  changed: readonly Changed[]
): Promise<number> =>
  client.transaction(async transaction => {
    // Prevents the trigger `chat_entries_changed` from recording the changes. Otherwise, each process would remove the messages
    // from its page cache.
    await transaction.query(`select set_config('fastify_chat.is_reencryption', 'true', true)`)
    const values = (name: string, of: keyof Changed): (string | null)[] => changed.map(row => row[of][name] ?? null)
    const { keyIdColumn, columns, primaryKey } = table
    const [row] = await transaction.query<{ count: number }>(writeOf(schema, table), [
      currentKeyId,
      ...Object.keys(primaryKey).map(name => values(name, 'before')),
      values(keyIdColumn, 'before'),
      ...columns.map(name => values(name, 'before')),
      ...columns.map(name => values(name, 'after'))
    ])
    return row?.count ?? 0
  })

interface Changed {
  readonly before: Row
  readonly after: Row
}

/** Returns a row with new tokens. Returns undefined if the row contains a token that cannot be decrypted with any key. */
const encryptedAgain = (keyring: Keyring, row: Row, { columns, keyIdColumn }: EncryptedTable): Changed | undefined => {
  const after: Record<string, string | null> = {}
  for (const column of columns) {
    const token = row[column]
    if (token === null || token === undefined) continue
    const text = keyring.decrypt(token, row[keyIdColumn] ?? undefined)
    if (text === undefined) return undefined
    after[column] = keyring.encrypt(text).token
  }
  return { before: row, after }
}

/** Returns the SQL that reads a page. `found` is a JSON array of the rows that are not encrypted with the current key. */
const readOf = (schema: string, table: EncryptedTable, place: Place): string => {
  const { keyIdColumn, columns, primaryKey } = table
  const page = pageOf(qualified(schema, table.table), table, {
    selected: [keyIdColumn, ...columns].map(name => `"${name}"`).join(', '),
    limit: '$2::integer',
    first: place.length > 0 ? 3 : undefined
  })
  const keys = Object.keys(primaryKey).map(name => `"${name}"::text`)
  const hasToken = columns.map(name => `"${name}" is not null`).join(' or ')
  return `with page as materialized (${page})
    select (select count(*)::integer from page) as read, ${lastOf(table)} as last,
      (select coalesce(json_agg(one), '[]')::text from (
        select ${[...keys, `"${keyIdColumn}"`, ...columns.map(name => `"${name}"`)].join(', ')}
        from page where "${keyIdColumn}" is distinct from $1 and (${hasToken})
      ) as one) as found`
}

/**
 * Returns the SQL that replaces the rows that still contain what was read. Skips locked rows, because waiting for one row while
 * other rows are locked could cause a deadlock with a deletion.
 */
const writeOf = (schema: string, { table, keyIdColumn, columns, primaryKey }: EncryptedTable): string => {
  const name = qualified(schema, table)
  const keys = Object.entries(primaryKey)
  const read = [keyIdColumn, ...columns]
  const fields = [
    ...keys.map(([, type], at) => ({ field: `key_${at}`, type })),
    ...read.map((_, at) => ({ field: `old_${at}`, type: 'text' })),
    ...columns.map((_, at) => ({ field: `new_${at}`, type: 'text' }))
  ]
  const given = `unnest(${fields.map((_, at) => `$${at + 2}::text[]`).join(', ')}) as given (${fields.map(({ field }) => field).join(', ')})`
  const isRow = (row: string): string =>
    keys.map(([key, type], at) => `${row}."${key}" = given.key_${at}::${type}`).join(' and ')
  const isUnchanged = read.map((column, at) => `stored."${column}" is not distinct from given.old_${at}`).join(' and ')
  return `with free as (
      select ${keys.map(([key]) => `stored."${key}"`).join(', ')} from ${name} as stored
      join ${given} on ${isRow('stored')} where ${isUnchanged} for no key update of stored skip locked
    ), replaced as (
      update ${name} as stored set ${columns.map((column, at) => `"${column}" = given.new_${at}`).join(', ')}, "${keyIdColumn}" = $1
      from ${given} join free on ${isRow('free')}
      where ${isRow('stored')} and ${isUnchanged} returning 1
    ) select count(*)::integer as count from replaced`
}
