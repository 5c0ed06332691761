/** The embedded database (PGlite: PostgreSQL in this process): for development and tests, one process a folder. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import type { SqlClient, SqlTransaction } from './client.ts'
import { lockFolder } from './folder-lock.ts'

// A fifth of the memory that its defaults take, and as fast for one process (docs/performance.md).
const SMALL = [
  'shared_buffers=2MB',
  'wal_buffers=64kB',
  'work_mem=1MB',
  'maintenance_work_mem=1MB',
  'max_connections=4'
]

/** The folder in which PGlite keeps its data, within the one that a `pglite:` URL names. */
export const dataFolder = (folder: string): string => join(folder, 'data')

/** Opens the database in a folder, made when it is missing. Rejects when another process has it, or PGlite isn't installed. */
export const openEmbedded = async (folder: string): Promise<SqlClient> => {
  const path = resolve(folder)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(path)
  try {
    const pglite = await start(dataFolder(path))
    return {
      ...(await adoptEmbedded(pglite, path)),
      async close() {
        if (!pglite.closed) await pglite.close()
        await lock.release()
      }
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

const start = async (dataDir: string): Promise<PGlite> => {
  const { PGlite } = await loadPGlite()
  const startParams = [...PGlite.defaultStartParams, ...SMALL.flatMap(setting => ['-c', setting])]
  return PGlite.create({ dataDir, startParams })
}

const loadPGlite = async () => {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    const advice = 'Run `npm install @electric-sql/pglite`, or use postgres://… for DATABASE_URL.'
    throw new Error(`The embedded database is not installed. ${advice}`, { cause })
  }
}

/**
 * A host application's own PGlite, used as it is and never closed; `where` is for messages to the operator.
 * @internal
 */
export const adoptEmbedded = async (pglite: PGlite, where = 'the embedded database'): Promise<SqlClient> => ({
  engine: 'pglite',
  notifications: null,
  where,
  // Imported only now, since it needs PGlite, which is not everywhere.
  drizzle: (await import('drizzle-orm/pglite')).drizzle(pglite),
  query: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
    (await pglite.query<Row>(text, [...params])).rows,
  transaction: <T>(work: (transaction: SqlTransaction) => Promise<T>) =>
    pglite.transaction(transaction =>
      work({
        query: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
          (await transaction.query<Row>(text, [...params])).rows,
        exec: async text => {
          await transaction.exec(text)
        }
      })
    ),
  async close() {}
})
