/** One database client over two engines: PostgreSQL by postgres.js, and the embedded PGlite; the rest sees no driver. */
import { setTimeout as delay } from 'node:timers/promises'
import type { PGlite } from '@electric-sql/pglite'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type postgres from 'postgres'
import { systemClock } from '../clock.ts'
import { codesOf, mayRetry } from './client/errors.ts'
import { adoptEmbedded, openEmbedded } from './embedded.ts'
import { adoptPostgres, openPostgres } from './postgres.ts'

/** Runs SQL inside a transaction. `exec` takes several statements and no parameters. */
export interface SqlTransaction {
  query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]>
  exec(text: string): Promise<void>
}

/** LISTEN and NOTIFY, between processes. */
export interface Notifications {
  /** Sends payloads to a channel in one round trip. Each is under 8,000 bytes. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /** Listens on a connection of its own, made again when it breaks; `onListening` is called each time it listens. */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onListening: () => void,
    onFailure?: (error: unknown) => void
  ): Promise<() => Promise<void>>
}

/** How a query is sent. */
export interface QueryOptions {
  /** Sends it on a connection that is kept for what others wait for: an append. */
  readonly isUrgent?: boolean
}

/** A pool of connections, or the one session of the embedded database. */
export interface SqlClient {
  readonly engine: 'postgres' | 'pglite'
  /** Null for the embedded database, which has one process. */
  readonly notifications: Notifications | null
  /** What a message to the operator may name: `host:port` or the folder. Never a password. */
  readonly where: string
  /** How many connections there may be at a time; 1 unless given. */
  readonly maxConnections?: number
  /**
   * For the repositories. Drizzle's types are no part of the package.
   * @internal
   */
  // biome-ignore lint/suspicious/noExplicitAny: the tables are made per schema, so Drizzle's own schema type is unused.
  readonly drizzle: PgDatabase<PgQueryResultHKT, any>
  /** One prepared statement; parameters are `$1`, `$2`, … */
  query<Row extends object>(text: string, params?: readonly unknown[], options?: QueryOptions): Promise<Row[]>
  /** All or nothing, at the isolation level read committed. */
  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T>
  /** How many queries wait for a connection; absent where there is no pool. */
  waiting?(): number
  /** Replaces every connection, when it has ended its query: they lead to a server that can't write. */
  replaceConnections?(): void
  close(): Promise<void>
}

/** How to reach the database. */
export interface ClientOptions {
  /** `postgres://user:password@host:port/name`, or `pglite:DIR` for the embedded database. */
  readonly url: string
  /** `require` encrypts without asking who it is; `verify-full` checks the certificate and its name too. */
  readonly ssl?: 'disable' | 'require' | 'verify-full' | undefined
  /** The certificate authority, PEM, for `verify-full`. */
  readonly ca?: string | undefined
  /** The most connections. */
  readonly poolMax?: number
  /** A URL for listening, where a transaction pooler is in front of `url`. */
  readonly listenUrl?: string | undefined
}

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
  if ('waitReady' in handle) return adoptEmbedded(handle as unknown as PGlite)
  if ('engine' in handle) return handle
  throw new TypeError(
    '`client` must be a client of postgres.js or a PGlite. Leave it out and give `databaseUrl` instead.'
  )
}

/** A client that no query reaches: for documents, which need the routes and no database. */
export const offlineClient = (): SqlClient => ({
  ...openPostgres({ url: 'postgres://offline@localhost:1/offline' }),
  notifications: null
})

/** How to wait for a database. */
export interface WaitOptions {
  readonly seconds: number
  readonly onRetry?: () => void
}

const LONGEST_PAUSE_MS = 2000

/**
 * Resolves when the database answers. Tries again with growing pauses while it can't be reached; rejects when the time is
 * over, or at once when it answers with a refusal, with a sentence that says where and why.
 */
export const waitForDatabase = async (client: SqlClient, { seconds, onRetry }: WaitOptions): Promise<void> => {
  const deadline = systemClock.monotonic() + seconds * 1000
  for (let pause = 100; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const failure = await tryOnce(client, deadline)
    if (!failure) return
    const [code = 'no code'] = codesOf(failure)
    if (!mayRetry(failure)) {
      const words = failure instanceof Error ? failure.message : 'no reason given'
      throw new Error(`The database at ${client.where} refused the service (${code}): ${words}.`, { cause: failure })
    }
    if (systemClock.monotonic() + pause > deadline) {
      const advice = 'Check that it runs, and DATABASE_HOST and DATABASE_PORT (or DATABASE_URL).'
      throw new Error(`No database answered at ${client.where} within ${seconds} seconds (${code}). ${advice}`)
    }
    if (pause === 100) onRetry?.()
    await delay(pause)
  }
}

/** Asks the database for anything; answers what went wrong. A silent peer counts as unreachable at the deadline. */
const tryOnce = async (client: SqlClient, deadline: number): Promise<unknown> => {
  const silence = new AbortController()
  const timeout = delay(Math.max(1000, deadline - systemClock.monotonic()), 'silent', { signal: silence.signal })
  timeout.catch(() => {})
  try {
    const first = await Promise.race([client.query('select 1'), timeout])
    return first === 'silent' ? Object.assign(new Error('silent'), { code: 'ETIMEDOUT' }) : undefined
  } catch (error) {
    return error
  } finally {
    silence.abort()
  }
}
