/** Rows as every engine returns them here, and Drizzle over them. */
import { drizzle } from 'drizzle-orm/postgres-js'
import type { Sql } from 'postgres'

/** The columns' names, and the rows as arrays in their order. */
export interface Rows {
  readonly names: readonly string[]
  readonly rows: unknown[][]
}

/** Runs a statement. `isPrepared`: it is run often enough to be worth it. */
export type Execute = (
  text: string,
  params: readonly unknown[],
  options: { readonly isPrepared: boolean; readonly isUrgent?: boolean }
) => Promise<Rows>

/** Returns the rows as objects. */
export const asObjects = <Row extends object>({ names, rows }: Rows): Row[] =>
  rows.map(row => Object.fromEntries(names.map((name, at) => [name, row[at]])) as Row)

/** Drizzle over the one way in which statements are run: it takes a client of postgres.js, and uses no more of it than this. */
export const drizzleOver = (execute: Execute) => {
  const unsafe = (text: string, params: readonly unknown[], { prepare = false } = {}) => {
    const rows = execute(text, params, { isPrepared: prepare }).then(result => result.rows)
    return Object.assign(rows, { values: () => rows })
  }
  return drizzle({ unsafe, options: { parsers: {}, serializers: {} } } as unknown as Sql)
}
