/** Defines the form in which every engine returns rows, and creates a Drizzle client that reads this form. */
import { drizzle } from 'drizzle-orm/postgres-js'
import type { Sql } from 'postgres'

/** A result: the names of the columns, and the rows as arrays in the order of the columns. */
export interface Rows {
  readonly names: readonly string[]
  readonly rows: unknown[][]
}

/**
 * Runs a statement. `isPrepared` makes a frequent statement faster. It has no effect on a connection that does not allow
 * prepared statements.
 */
export type Execute = (
  text: string,
  params: readonly unknown[],
  options: { readonly isPrepared: boolean; readonly isUrgent?: boolean }
) => Promise<Rows>

export const asObjects = <Row extends object>({ names, rows }: Rows): Row[] =>
  rows.map(row => {
    const object: Record<string, unknown> = {}
    for (let at = 0; at < names.length; at++) object[names[at] as string] = row[at]
    return object as Row
  })

/**
 * Creates a Drizzle client that runs its statements with `execute`. Drizzle expects a client of postgres.js, but uses only the
 * members that are defined here.
 */
export const drizzleOver = (execute: Execute) => {
  const unsafe = (text: string, params: readonly unknown[], { prepare = false } = {}) => {
    const rows = execute(text, params, { isPrepared: prepare }).then(result => result.rows)
    return Object.assign(rows, { values: () => rows })
  }
  return drizzle({ unsafe, options: { parsers: {}, serializers: {} } } as unknown as Sql)
}
