/** Opens a database client: PostgreSQL with postgres.js, the embedded PGlite, or one that a host application passes in. */
import type { PGlite } from '@electric-sql/pglite'
import type postgres from 'postgres'
import { adoptEmbedded, openEmbedded } from './pglite.ts'
import { adoptPostgres, openPostgres } from './postgres.ts'
import type { ClientOptions, SqlClient } from './types.ts'

const EMBEDDED = 'pglite:'

/** Opens a client. PostgreSQL connects with the first query; the embedded database opens here, and rejects when it can't. */
export const openClient = async (options: ClientOptions): Promise<SqlClient> =>
  options.url.startsWith(EMBEDDED) ? openEmbedded(options.url.slice(EMBEDDED.length)) : openPostgres(options)

/** What a host application may hand over: a client of postgres.js, a PGlite, or a ready SqlClient. */
export type DatabaseHandle = SqlClient | postgres.Sql | EmbeddedHandle

/** The parts of a PGlite by which it is known; a type of its own, since the package is not installed everywhere. */
export interface EmbeddedHandle {
  readonly waitReady: Promise<void>
}

/** A client over what a host handed over, which is left open. Throws a TypeError for anything else. */
export const adoptClient = async (handle: DatabaseHandle, listenUrl?: string): Promise<SqlClient> => {
  if (typeof handle === 'function' && 'unsafe' in handle) return adoptPostgres(handle, listenUrl)
  if (typeof handle === 'object' && handle !== null && 'waitReady' in handle)
    return adoptEmbedded(handle as unknown as PGlite)
  if (typeof handle === 'object' && handle !== null && 'engine' in handle) return handle
  throw new TypeError(
    '`client` must be a client of postgres.js or a PGlite. Leave it out and give `databaseUrl` instead.'
  )
}

/** A client that no query reaches: for documents, which need the routes and no database. */
export const offlineClient = (): SqlClient => ({
  ...openPostgres({ url: 'postgres://offline@localhost:1/offline' }),
  notifications: null
})

export { waitForDatabase } from './waiting.ts'
