/** Defines the database client that the rest of the service uses. It is the same for every database engine. */
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

/** Runs SQL inside a transaction. `exec` runs one or more statements without parameters. */
export interface SqlTransaction {
  query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]>
  exec(text: string): Promise<void>
  /**
   * Used by the repositories inside a transaction.
   * @internal
   */
  readonly drizzle: SqlClient['drizzle']
}

/** A dedicated connection that listens on a channel. */
export interface Listener {
  /**
   * Sends payloads to the channel, on the listening connection itself. PostgreSQL then delivers the payloads to this process
   * together with the result of the statement. If another connection sent them, PostgreSQL would have to wake the server
   * process of the listening connection. Rejects if the connection is lost.
   */
  notify(payloads: readonly string[]): Promise<void>
  /** Stops listening and closes the connection. */
  end(): Promise<void>
}

/** Sends and receives notifications between processes, with LISTEN and NOTIFY. */
export interface Notifications {
  /** Sends payloads to a channel in one round trip. PostgreSQL limits each payload to less than 8,000 bytes. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /** Listens on a dedicated connection and reconnects when the connection is lost. Calls `onListening` after each `LISTEN`. */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onListening: () => void,
    onFailure?: (error: unknown) => void
  ): Promise<Listener>
  /** Resolves with whether notifications arrive. A transaction pooler drops them without an error. */
  isDelivered(): Promise<boolean>
}

export interface QueryOptions {
  /** Whether to use a connection that is reserved for urgent work, such as an append. */
  readonly isUrgent?: boolean
}

export interface TransactionOptions extends QueryOptions {
  /** Whether to wait for responses without a limit, for transactions that turn off the server's statement timeout. */
  readonly isUnlimited?: boolean
}

/** Runs queries on a pool of connections, or in the single session of the embedded database. */
export interface SqlClient {
  readonly engine: 'postgres' | 'pglite'
  /** Sends and receives notifications. Null for the embedded database, which only one process can use. */
  readonly notifications: Notifications | null
  /**
   * Identifies the database in messages to the operator, for example by `host:port` or by its folder. Never contains a
   * password.
   */
  readonly where: string
  /** Maximum number of connections; 1 if absent. */
  readonly maxConnections?: number
  /**
   * Used by the repositories. Drizzle's types are not part of the package.
   * @internal
   */
  // biome-ignore lint/suspicious/noExplicitAny: the tables are created per schema, so Drizzle's own schema type is unused.
  readonly drizzle: PgDatabase<PgQueryResultHKT, any>
  /** Runs one statement, whose parameters are `$1`, `$2`, … The statement is prepared if the connection allows it. */
  query<Row extends object>(text: string, params?: readonly unknown[], options?: QueryOptions): Promise<Row[]>
  /** Runs work atomically, at the isolation level read committed. */
  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Returns how many connections are in use. Absent if there is no pool. */
  inUse?(): number
  /** Returns how many queries wait for a connection. Absent if there is no pool. */
  waiting?(): number
  /** Replaces each connection after its query has ended. Called when the connections lead to a read-only server. */
  replaceConnections?(): void
  close(): Promise<void>
}

export interface ClientOptions {
  /** `postgres://user:password@host:port/name`, or `pglite:DIR` for the embedded database. */
  readonly url: string
  /**
   * The TLS mode. `require` encrypts but does not verify the server, `verify-ca` also verifies the authority of its certificate,
   * and `verify-full` also verifies the host name. Overrides the `sslmode` of both URLs.
   */
  readonly ssl?: 'disable' | 'require' | 'verify-ca' | 'verify-full' | undefined
  /** The certificate of the certificate authority for `verify-ca` and `verify-full`, in PEM format. */
  readonly ca?: string | undefined
  /** Maximum number of connections. */
  readonly poolMax: number
  /** The URL of a direct connection for `LISTEN`. Required if `url` leads to a transaction pooler. */
  readonly listenUrl?: string | undefined
  /** Timeout in milliseconds for the response to a statement. The default is 15,000. */
  readonly responseMs?: number | undefined
  /** Called with a warning for the operator. */
  readonly onWarning?: ((sentence: string) => void) | undefined
}

/** How the connection for `LISTEN` reaches the database, beside a client of the host application. */
export type ListeningAddress = Pick<ClientOptions, 'listenUrl' | 'ssl' | 'ca'>
