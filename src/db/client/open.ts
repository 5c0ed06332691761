/** Opens a database client: PostgreSQL with postgres.js, the embedded PGlite, or a client of the host application. */
import type { PGlite } from '@electric-sql/pglite'
import type postgres from 'postgres'
import { adoptEmbedded, openEmbedded } from './pglite.ts'
import { adoptPostgres, openPostgres } from './postgres.ts'
import type { ClientOptions, SqlClient } from './types.ts'

const EMBEDDED = 'pglite:'

/** Opens a client. PostgreSQL connects with the first query; the embedded database opens now, and rejects if it can't. */
export const openClient = async (options: ClientOptions): Promise<SqlClient> =>
  options.url.startsWith(EMBEDDED) ? openEmbedded(options.url.slice(EMBEDDED.length)) : openPostgres(options)

/** Describes what a host application may pass in: a client of postgres.js, a PGlite, or an SqlClient. */
export type DatabaseHandle = SqlClient | postgres.Sql | EmbeddedHandle

/** Describes the parts of a PGlite that identify it. The package's own type may be missing, because it is optional. */
export interface EmbeddedHandle {
  readonly waitReady: Promise<void>
}

/** Wraps a host's client and never closes it. Throws a TypeError for anything else. */
export const adoptClient = async (handle: DatabaseHandle, listenUrl?: string): Promise<SqlClient> => {
  if (typeof handle === 'function' && 'unsafe' in handle) return adoptPostgres(handle, listenUrl)
  if (typeof handle === 'object' && handle !== null && 'waitReady' in handle)
    return adoptEmbedded(handle as unknown as PGlite)
  if (typeof handle === 'object' && handle !== null && 'engine' in handle) return handle
  throw new TypeError(
    '`client` is neither a client of postgres.js nor a PGlite. Pass one of these, or `databaseUrl` instead.'
  )
}

/** Creates a client without a database, for documents, which need the routes only. */
export const offlineClient = (): SqlClient => ({
  ...openPostgres({ url: 'postgres://offline@localhost:1/offline', poolMax: 1 }),
  notifications: null
})

export { waitForDatabase } from './waiting.ts'
