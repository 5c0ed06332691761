/** Defines rows as every engine returns them, and runs Drizzle on them. */
import { drizzle } from 'drizzle-orm/postgres-js'
import type { Sql } from 'postgres'

/** Holds the names of the columns, and the rows as arrays in that order. */
export interface Rows {
  readonly names: readonly string[]
  readonly rows: unknown[][]
}

/** Runs a statement. `isPrepared` prepares it, for statements that run often. */
export type Execute = (
  text: string,
  params: readonly unknown[],
  options: { readonly isPrepared: boolean; readonly isUrgent?: boolean }
) => Promise<Rows>

/** Returns the rows as objects. */
export const asObjects = <Row extends object>({ names, rows }: Rows): Row[] =>
  rows.map(row => Object.fromEntries(names.map((name, at) => [name, row[at]])) as Row)

/** Creates Drizzle on `execute`. Drizzle expects a client of postgres.js, and uses no more of it than this. */
export const drizzleOver = (execute: Execute) => {
  const unsafe = (text: string, params: readonly unknown[], { prepare = false } = {}) => {
    const rows = execute(text, params, { isPrepared: prepare }).then(result => result.rows)
    return Object.assign(rows, { values: () => rows })
  }
  return drizzle({ unsafe, options: { parsers: {}, serializers: {} } } as unknown as Sql)
}
