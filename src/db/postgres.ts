/** PostgreSQL by postgres.js: a pool that connects when it is first needed, or the one that a host application has. */

import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { createPool, type Pool } from './client/pool.ts'
import type { ClientOptions, SqlClient, SqlTransaction } from './client.ts'
import { type ListenOptions, listenOn } from './listening.ts'

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
  const open = (): postgres.Sql => {
    const sql = postgres(url, { ...options, max: poolMax, idle_timeout: 60 })
    // Drizzle changes how a client reads times, in its options.
    drizzlePostgres(sql)
    return sql
  }
  const pool = createPool(open, { mayReplace: true })
  const { sql } = pool
  return {
    ...clientOver(pool, listening => postgres(listenUrl ?? url, { ...options, ...listening })),
    drizzle: drizzlePostgres(sql),
    async close() {
      await sql.end({ timeout: 2 })
    }
  }
}

/** A host application's own client, used as it is and never closed; `listenUrl` where a transaction pooler is in front of it. */
export const adoptPostgres = (hosts: postgres.Sql, listenUrl?: string): SqlClient => {
  const pool = createPool(() => hosts, { mayReplace: false })
  return {
    // A connection of its own, as postgres.js makes one for its own listening.
    ...clientOver(pool, listening =>
      listenUrl === undefined
        ? postgres({ ...(hosts.options as object), ...listening })
        : postgres(listenUrl, listening)
    ),
    drizzle: drizzlePostgres(withOwnOptions(pool.sql)),
    async close() {}
  }
}

/** Drizzle changes how a client reads times, in its options; a host's must not learn that. */
const withOwnOptions = (sql: postgres.Sql): postgres.Sql => {
  const { parsers, serializers } = sql.options
  const options = { ...sql.options, parsers: { ...parsers }, serializers: { ...serializers } }
  return new Proxy(sql, { get: (target, name) => (name === 'options' ? options : Reflect.get(target, name)) })
}

type Parameters = postgres.ParameterOrJSON<never>[]

const clientOver = (pool: Pool, connect: ListenOptions['connect']): Omit<SqlClient, 'drizzle' | 'close'> => {
  const { sql } = pool
  const { host, port } = sql.options
  // Off where a host has a transaction pooler that can't.
  const prepare = sql.options.prepare !== false
  return {
    engine: 'postgres',
    waiting: pool.waiting,
    replaceConnections: pool.replace,
    maxConnections: sql.options.max,
    where: `${host[0] ?? 'localhost'}:${port[0] ?? 5432}`,
    query: async <Row extends object>(text: string, params: readonly unknown[] = [], { isUrgent = false } = {}) => {
      const parameters = [...params] as Parameters
      if (isUrgent) return (await pool.urgent(text, parameters, { prepare })) as Row[]
      return [...(await sql.unsafe<Row[]>(text, parameters, { prepare }))]
    },
    transaction: async <T>(work: (transaction: SqlTransaction) => Promise<T>) =>
      (await sql.begin('isolation level read committed', transaction => work(inTransaction(transaction)))) as T,
    notifications: {
      async notify(channel, payloads) {
        // A notification that a crash takes back is no loss, and must not make the disk sync in front of an append.
        const text = `select set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
          from unnest($2::text[]) as payload`
        await pool.urgent(text, [channel, payloads] as Parameters, { prepare })
      },
      listen: (channel, onPayload, onListening, onFailure) =>
        listenOn({ connect, channel, onPayload, onListening, onFailure })
    }
  }
}

const inTransaction = (transaction: postgres.TransactionSql): SqlTransaction => ({
  query: async <Row extends object>(text: string, params: readonly unknown[] = []) => [
    ...(await transaction.unsafe<Row[]>(text, [...params] as Parameters))
  ],
  exec: async text => {
    await transaction.unsafe(text).simple()
  }
})
