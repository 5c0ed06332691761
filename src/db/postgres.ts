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
export const openPostgres = ({ url, ssl, ca, poolMax = 10 }: ClientOptions): SqlClient => {
  const sql = postgres(url, {
    ...tls(ssl, ca),
    max: poolMax,
    connect_timeout: 5,
    idle_timeout: 60,
    connection: { application_name: 'fastify-chat' },
    // It prints notices otherwise.
    onnotice: () => {}
  })
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
    close: () => sql.end({ timeout: 2 })
  }
}
