/**
 * Reads the tables with encrypted columns in pages, in the order of the primary key, so that no statement reads a whole table.
 */
import type { SqlClient } from './client/types.ts'
import { ENCRYPTED_TABLES, type EncryptedTable } from './encrypted-columns.ts'

/** The primary key of a row, each value as text. */
export type Place = readonly string[]

/** Returns the qualified name of a table. */
export const qualified = (schema: string, table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`

/**
 * Returns SQL that selects the primary key and the columns `selected` of the next `limit` rows after a place. The parameters from
 * `$first` on contain the place. If `first` is undefined, selects the first rows of the table.
 */
export const pageOf = (
  name: string,
  { primaryKey }: EncryptedTable,
  { selected, limit, first }: { readonly selected: string; readonly limit: string; readonly first: number | undefined }
): string => {
  const keys = Object.entries(primaryKey)
  const names = keys.map(([key]) => `"${key}"`).join(', ')
  const place = keys.map(([, type], at) => `$${(first ?? 0) + at}::${type}`).join(', ')
  const after = first === undefined ? '' : `where (${names}) > (${place})`
  return `select ${names}, ${selected} from ${name} ${after} order by ${names} limit ${limit}`
}

/** Returns SQL that selects the primary key of the last row of the subquery `page` as a JSON array of texts. */
export const lastOf = ({ primaryKey }: EncryptedTable): string => {
  const names = Object.keys(primaryKey).map(key => `"${key}"`)
  const order = names.map(name => `${name} desc`).join(', ')
  return `(select json_build_array(${names.map(name => `${name}::text`).join(', ')})::text from page order by ${order} limit 1)`
}

/**
 * The number of tokens in a column that are encrypted with one key. `keyId` is null for tokens that are stored without a key
 * id.
 */
export interface KeyUse {
  readonly table: string
  readonly column: string
  readonly keyId: string | null
  readonly tokens: number
}

/**
 * The tokens of one page that are encrypted with one key. `tokens` is a JSON array with the number of tokens in each encrypted
 * column.
 */
interface PageRow {
  readonly keyId: string | null
  readonly tokens: string
  readonly rows: number
  readonly last: string
}

export interface CountOptions {
  readonly client: Pick<SqlClient, 'query'>
  readonly schema: string
  /** The number of rows per statement. */
  readonly pageSize?: number
  /** Called after each page with the number of rows that were counted so far. */
  readonly onPage?: ((rows: number) => void) | undefined
}

const PAGE_SIZE = 10_000

/** Counts the tokens of each key in every encrypted column, page by page. */
export const countTokensByKey = async (options: CountOptions): Promise<KeyUse[]> => {
  const { client, schema, pageSize = PAGE_SIZE, onPage } = options
  const counts: KeyUse[] = []
  let total = 0
  for (const table of ENCRYPTED_TABLES) {
    const byKey = new Map<string | null, number[]>()
    for (let place: Place | undefined = []; place; ) {
      const page: PageRow[] = await client.query<PageRow>(countOf(schema, table, place), [pageSize, ...place])
      for (const { keyId, tokens } of page) {
        const before = byKey.get(keyId)
        byKey.set(
          keyId,
          (JSON.parse(tokens) as number[]).map((count, at) => count + (before?.[at] ?? 0))
        )
      }
      const read = page.reduce((sum, { rows }) => sum + rows, 0)
      total += read
      if (read > 0) onPage?.(total)
      place = read < pageSize ? undefined : JSON.parse(page[0]?.last ?? '[]')
    }
    counts.push(...usesOf(table, byKey))
  }
  return counts
}

/** Returns the counts that are not 0, sorted by column and then by key. */
const usesOf = (
  { table, columns }: EncryptedTable,
  byKey: ReadonlyMap<string | null, readonly number[]>
): readonly KeyUse[] => {
  const keyIds = [...byKey.keys()].sort((a, b) => (a === null ? 1 : b === null || a < b ? -1 : 1))
  return columns
    .flatMap((column, at) => keyIds.map(keyId => ({ table, column, keyId, tokens: byKey.get(keyId)?.[at] ?? 0 })))
    .filter(({ tokens }) => tokens > 0)
}

const countOf = (schema: string, table: EncryptedTable, place: Place): string => {
  const { keyIdColumn, columns } = table
  const flags = columns.map((column, at) => `"${column}" is not null as has_${at}`).join(', ')
  const page = pageOf(qualified(schema, table.table), table, {
    selected: `"${keyIdColumn}" as key_id_of_row, ${flags}`,
    limit: '$1',
    first: place.length > 0 ? 2 : undefined
  })
  const numbers = columns.map((_, at) => `count(*) filter (where has_${at})`).join(', ')
  return `with page as (${page})
    select key_id_of_row as "keyId", json_build_array(${numbers})::text as tokens, count(*)::integer as rows,
      ${lastOf(table)} as last
    from page group by key_id_of_row`
}
