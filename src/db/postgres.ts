/** PostgreSQL by postgres.js: a pool that connects when it is first needed. */
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import type { ClientOptions, SqlClient, SqlTransaction } from './client.ts'

const tls = (ssl: ClientOptions['ssl'], ca: string | undefined): { ssl?: false | object } => {
  // Left out, postgres.js takes the URL's own `sslmode`, and none when it has none.
  if (ssl === undefined) return {}
  if (ssl === 'disable') return { ssl: false }
  return { ssl: { rejectUnauthorized: ssl === 'verify-full', ...(ca === undefined ? {} : { ca }) } }
}

/** Makes a client; nothing connects before the first query. */
export const openPostgres = ({ url, ssl, ca, poolMax = 10, listenUrl }: ClientOptions): SqlClient => {
  const options = {
    ...tls(ssl, ca),
    connect_timeout: 5,
    keep_alive: 15,
    // No statement of ours takes so long: a stalled process must not keep a room's lock, nor a stalled database a request.
    connection: {
      application_name: 'fastify-chat',
      statement_timeout: 10_000,
      lock_timeout: 8_000,
      idle_in_transaction_session_timeout: 10_000
    },
    // It prints notices otherwise.
    onnotice: () => {}
  }
  const sql = postgres(url, { ...options, max: poolMax, idle_timeout: 60 })
  const listening = listenUrl === undefined ? sql : postgres(listenUrl, { ...options, max: 1 })
  const { host, port } = sql.options
  const inTransaction = (transaction: postgres.TransactionSql): SqlTransaction => ({
    query: async <Row extends object>(text: string, params: readonly unknown[] = []) => [
      ...(await transaction.unsafe<Row[]>(text, [...params] as postgres.ParameterOrJSON<never>[]))
    ],
    exec: async text => {
      await transaction.unsafe(text).simple()
    }
  })
  return {
    engine: 'postgres',
    where: `${host[0] ?? 'localhost'}:${port[0] ?? 5432}`,
    drizzle: drizzle(sql),
    query: async <Row extends object>(text: string, params: readonly unknown[] = []) => [
      ...(await sql.unsafe<Row[]>(text, [...params] as postgres.ParameterOrJSON<never>[], { prepare: true }))
    ],
    transaction: async <T>(work: (transaction: SqlTransaction) => Promise<T>) =>
      (await sql.begin('isolation level read committed', transaction => work(inTransaction(transaction)))) as T,
    notifications: {
      async notify(channel, payloads) {
        // A notification that a crash takes back is no loss, and must not make the disk sync in front of an append.
        await sql`select set_config('synchronous_commit', 'off', true), pg_notify(${channel}, payload)
          from unnest(${payloads as string[]}::text[]) as payload`
      },
      async listen(channel, onPayload, onListening) {
        const { unlisten } = await listening.listen(channel, onPayload, onListening)
        return unlisten
      }
    },
    async close() {
      await Promise.all([sql.end({ timeout: 2 }), listening.end({ timeout: 2 })])
    }
  }
}
