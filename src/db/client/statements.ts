/** Runs statements with postgres.js, on a client that the service created or on a client of the host application. */
import type postgres from 'postgres'
import { createRenaming, decodeValue, encodeParameter } from './encode.ts'
import type { Rows } from './rows.ts'

/** The object that runs a statement: a client, or one of its transactions. */
export type Runner = Pick<postgres.Sql, 'unsafe'>

/**
 * Runs a statement and returns its rows. `pid` is the process id that the server sent when the connection was opened, if known.
 */
export type Run = (
  runner: Runner,
  text: string,
  params: readonly unknown[],
  prepare: boolean
) => Promise<Rows & { readonly pid: number | null }>

type Parameters = postgres.ParameterOrJSON<never>[]

/** Returns the process id from the connection's BackendKeyData, which postgres.js does not declare. */
const pidOf = ({ state }: { state?: unknown }): number | null => (state as { pid?: number } | undefined)?.pid ?? null

/**
 * Returns the columns of a result. The types of postgres.js always declare columns, but the result of a statement such as `SET`
 * has none.
 */
const columnsOf = ({ columns }: { columns: unknown }) => (columns ?? []) as postgres.Column<string>[]

export const runOwn: Run = async (runner, text, params, prepare) => {
  const result = await runner.unsafe(text, params.map(encodeParameter) as Parameters, { prepare }).values()
  const names = columnsOf(result).map(({ name }) => name)
  return { names, rows: result as unknown as unknown[][], pid: pidOf(result) }
}

/**
 * Returns a function that runs statements on a host's client. The function reads raw bytes, because the client may convert
 * values in its own way. `rename` is the client's transformation of column names.
 */
export const runForeign = (rename: (name: string) => string): Run => {
  const originalName = createRenaming(rename)
  return async (runner, text, params, prepare) => {
    const result = await runner.unsafe(text, params.map(encodeParameter) as Parameters, { prepare }).raw()
    const columns = columnsOf(result)
    const rows = result.map(row => row.map((bytes, at) => decodeValue(columns[at]?.type ?? 0, bytes)))
    return { names: columns.map(({ name }) => originalName(text, name)), rows, pid: pidOf(result) }
  }
}
