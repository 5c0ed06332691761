/** Opens a database client: PostgreSQL with postgres.js, the embedded PGlite, or a client of the host application. */
import type { PGlite } from '@electric-sql/pglite'
import type postgres from 'postgres'
import { adoptEmbedded, openEmbedded } from './pglite.ts'
import { adoptPostgres, openPostgres } from './postgres.ts'
import type { ClientOptions, ListeningAddress, SqlClient } from './types.ts'

const EMBEDDED = 'pglite:'

/**
 * Opens a client. A PostgreSQL client connects with its first query. The embedded database is opened immediately; the promise
 * rejects if that fails.
 */
export const openClient = async (options: ClientOptions): Promise<SqlClient> =>
  options.url.startsWith(EMBEDDED) ? openEmbedded(options.url.slice(EMBEDDED.length)) : openPostgres(options)

/** A database client that a host application may pass in: a client of postgres.js, a PGlite, or an SqlClient. */
export type DatabaseHandle = SqlClient | postgres.Sql | EmbeddedHandle

/** The property by which a PGlite is recognized. The type of the package is not used, because the package is optional. */
export interface EmbeddedHandle {
  readonly waitReady: Promise<void>
}

/**
 * Wraps a client of the host application. Returns an SqlClient unchanged. Rejects with a TypeError if `handle` is not a client.
 */
export const adoptClient = async (handle: DatabaseHandle, listening: ListeningAddress = {}): Promise<SqlClient> => {
  if (typeof handle === 'function' && 'unsafe' in handle) return adoptPostgres(handle, listening)
  if (typeof handle === 'object' && handle !== null && 'waitReady' in handle)
    return adoptEmbedded(handle as unknown as PGlite)
  if (typeof handle === 'object' && handle !== null && 'engine' in handle) return handle
  throw new TypeError(
    '`client` is not a client of postgres.js, a PGlite or an SqlClient. Pass one of these, or `databaseUrl` instead.'
  )
}

/** Creates a client that never connects. Used to build the API documents, which requires no query. */
export const offlineClient = (): SqlClient => ({
  ...openPostgres({ url: 'postgres://offline@localhost:1/offline', poolMax: 1 }),
  notifications: null
})

export { waitForDatabase } from './waiting.ts'
