/**
 * Opens the embedded database: PGlite, which runs PostgreSQL inside this process. The embedded database is meant for
 * development and tests, because only one process at a time can use a folder.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { PGlite, Transaction } from '@electric-sql/pglite'
import { PARSERS } from './encode.ts'
import { lockFolder } from './folder-lock.ts'
import { asObjects, drizzleOver, type Execute, type Rows } from './rows.ts'
import { inspectSession, statementsThatSet } from './session.ts'
import type { SqlClient, SqlTransaction } from './types.ts'

// With these settings, PGlite uses about half of the memory that it uses by default, and is as fast (docs/performance.md).
const SMALL = [
  'shared_buffers=2MB',
  'wal_buffers=64kB',
  'work_mem=1MB',
  'maintenance_work_mem=1MB',
  'max_connections=4'
]

/** Returns the folder in which PGlite keeps its data, inside the folder of a `pglite:` URL. */
export const dataFolder = (folder: string): string => join(folder, 'data')

/** The folder name that selects a database in memory, as in SQLite. Its data is lost when the process ends. */
const IN_MEMORY = ':memory:'

/**
 * Opens the database in a folder, and creates the folder if it is missing. Rejects if another process uses the database, or if
 * PGlite is not installed.
 */
export const openEmbedded = async (folder: string): Promise<SqlClient> => {
  if (folder === IN_MEMORY) return openStarted(await start(undefined), 'pglite::memory:')
  const path = resolve(folder)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(path)
  try {
    const client = await openStarted(await start(dataFolder(path)), path)
    return {
      ...client,
      async close() {
        await client.close()
        await lock.release()
      }
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Wraps a database that the service opened, and applies the session settings. */
const openStarted = async (pglite: PGlite, where: string): Promise<SqlClient> => {
  await pglite.exec((await statementsFor(pglite)).session)
  return {
    ...clientOver(pglite, where, ''),
    async close() {
      if (!pglite.closed) await pglite.close()
    }
  }
}

const start = async (dataDir: string | undefined): Promise<PGlite> => {
  const { PGlite } = await loadPGlite()
  const startParams = [...PGlite.defaultStartParams, ...SMALL.flatMap(setting => ['-c', setting])]
  return PGlite.create({ ...(dataDir === undefined ? {} : { dataDir }), startParams })
}

const loadPGlite = async () => {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    const advice = 'Run `npm install @electric-sql/pglite`, or set DATABASE_URL to a postgres:// URL.'
    throw new Error(`The embedded database is not installed. ${advice}`, { cause })
  }
}

/** The object that runs a statement: the database, or one of its transactions. */
type Runner = Pick<PGlite, 'query'>

const run = async (runner: Runner, text: string, params: readonly unknown[]): Promise<Rows> => {
  const { fields, rows } = await runner.query<unknown[]>(text, [...params], { rowMode: 'array', parsers: PARSERS })
  return { names: fields.map(({ name }) => name), rows }
}

const statementsFor = async (pglite: PGlite): Promise<{ session: string; local: string }> => {
  const { settings, isAcceptable } = await inspectSession(async (...query) => ({
    ...(await run(pglite, ...query)),
    pid: null
  }))
  // PGlite cannot interrupt a statement, so the timeout settings would have no effect.
  const wanted = Object.fromEntries(Object.entries(settings).filter(([name]) => !name.endsWith('_timeout')))
  return {
    session: statementsThatSet(wanted, 'session'),
    local: isAcceptable ? '' : statementsThatSet(wanted, 'local')
  }
}

/**
 * Wraps a PGlite of the host application. Never changes its session settings and never closes it.
 * @internal
 */
export const adoptEmbedded = async (pglite: PGlite): Promise<SqlClient> =>
  clientOver(pglite, 'the embedded database', (await statementsFor(pglite)).local)

const clientOver = (pglite: PGlite, where: string, settings: string): SqlClient => {
  const inTransaction = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    pglite.transaction(async transaction => {
      if (settings !== '') await transaction.exec(`set transaction isolation level read committed; ${settings}`)
      return work(transaction)
    })
  const execute: Execute = (text, params) =>
    settings === '' ? run(pglite, text, params) : inTransaction(transaction => run(transaction, text, params))
  return {
    engine: 'pglite',
    notifications: null,
    where,
    drizzle: drizzleOver(execute),
    query: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
      asObjects<Row>(await execute(text, params, { isPrepared: false })),
    transaction: work => inTransaction(transaction => work(transactionOver(transaction))),
    async close() {}
  }
}

const transactionOver = (transaction: Transaction): SqlTransaction => ({
  query: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
    asObjects<Row>(await run(transaction, text, params)),
  exec: async text => {
    await transaction.exec(text)
  },
  drizzle: drizzleOver((text, params) => run(transaction, text, params))
})
