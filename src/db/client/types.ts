/** What the rest of the service sees of a database client, whichever engine is behind it. */
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

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
  /** Resolves with whether notifications are delivered: behind a transaction pooler they are not, though nothing fails. */
  isHeard(): Promise<boolean>
}

/** How a query is sent. */
export interface QueryOptions {
  /** Sends it on a connection that is kept for what others wait for, such as an append. */
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
  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>, options?: QueryOptions): Promise<T>
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
  /** Called with a sentence for the operator. */
  readonly onWarning?: ((sentence: string) => void) | undefined
}
