/** Running one statement with postgres.js: over a client of our own, or over a host application's. */
import type postgres from 'postgres'
import { createRenaming, decodeValue, encodeParameter } from './encode.ts'
import type { Rows } from './rows.ts'

/** Whoever can run a statement: the pool, or one transaction of it. */
export type Runner = Pick<postgres.Sql, 'unsafe'>

/** Returns the rows, and the process id that came with the connection; null when none did. */
export type Run = (
  runner: Runner,
  text: string,
  params: readonly unknown[],
  prepare: boolean
) => Promise<Rows & { readonly pid: number | null }>

type Parameters = postgres.ParameterOrJSON<never>[]

/** postgres.js does not declare it: the process id of the connection's BackendKeyData. */
const pidOf = ({ state }: { state?: unknown }): number | null => (state as { pid?: number } | undefined)?.pid ?? null

/** A statement that returns no rows has none, whatever the types of postgres.js say. */
const columnsOf = ({ columns }: { columns: unknown }) => (columns ?? []) as postgres.Column<string>[]

export const runOwn: Run = async (runner, text, params, prepare) => {
  const result = await runner.unsafe(text, params.map(encodeParameter) as Parameters, { prepare }).values()
  const names = columnsOf(result).map(({ name }) => name)
  return { names, rows: result as unknown as unknown[][], pid: pidOf(result) }
}

/** Takes the bytes, since the host application's types and names are its own; `rename` is what its client does to names. */
export const runForeign = (rename: (name: string) => string): Run => {
  const originalName = createRenaming(rename)
  return async (runner, text, params, prepare) => {
    const result = await runner.unsafe(text, params.map(encodeParameter) as Parameters, { prepare }).raw()
    const columns = columnsOf(result)
    const rows = result.map(row => row.map((bytes, at) => decodeValue(columns[at]?.type ?? 0, bytes)))
    return { names: columns.map(({ name }) => originalName(text, name)), rows, pid: pidOf(result) }
  }
}
