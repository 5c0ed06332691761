/** Connects to PostgreSQL through postgres.js, either with a client of the service or with a client of the host application. */

import postgres from 'postgres'
import { type DatabaseUrl, nameOfHost, parseDatabaseUrl } from '../../lib/database-url.ts'
import { beginTransaction, type Send } from './begin.ts'
import { deliversNotifications } from './delivery-check.ts'
import { TYPES } from './encode.ts'
import { type ListenOptions, listenOn, NOTIFY } from './listen.ts'
import { createPool, type Pool } from './pool.ts'
import { createResponseLimit, NO_LIMIT, RESPONSE_MS, type ResponseLimit } from './response-limit.ts'
import { asObjects, drizzleOver, type Execute } from './rows.ts'
import { inspectSession, statementsThatSet } from './session.ts'
import { type Run, type Runner, runForeign, runOwn } from './statements.ts'
import { explainTls } from './tls-offer.ts'
import type { ClientOptions, ListeningAddress, SqlClient, SqlTransaction } from './types.ts'
import { type ConnectionOptions, connectionOptions, urlSettings } from './url-options.ts'

/** The postgres.js client of a pool, and how to send statements with the client. */
interface Opened {
  readonly sql: postgres.Sql
  readonly prepare: boolean
  /** The statements to run at the start of each transaction. Empty if the session already has the settings. */
  readonly settings: string
}

/** Creates a client, which connects with its first query. */
export const openPostgres = (options: ClientOptions): SqlClient => {
  const { url, ssl, ca, poolMax, listenUrl, onWarning = () => {}, responseMs = RESPONSE_MS } = options
  const address = parseDatabaseUrl(url)
  const optionsOf = (target: DatabaseUrl): ConnectionOptions => ({
    ...connectionOptions(target, { ssl, ca }),
    types: TYPES,
    fetch_types: false,
    onnotice: () => {}
  })
  const base = optionsOf(address)

  /**
   * Inspects the server on a connection that does not send the session settings as startup parameters, because a pooler may
   * reject them.
   */
  const inspect = async () => {
    const sql = postgres({ ...base, max: 1 })
    try {
      const { wait } = createResponseLimit(responseMs)
      return await wait(inspectSession((...query) => runOwn(sql, ...query, false), urlSettings(address)))
    } catch (error) {
      throw typeof base.ssl === 'object' ? await explainTls(error, address.hosts) : error
    } finally {
      await sql.end({ timeout: 1 })
    }
  }

  const open = async (): Promise<Opened> => {
    const { isPooled, settings, unknown } = await inspect()
    if (unknown.length > 0)
      onWarning(
        `The database URL has unknown parameters, which are ignored: ${unknown.join(', ')}. Remove them from the URL.`
      )
    const connection = { ...base.connection, ...(isPooled ? {} : settings) } as NonNullable<
      ConnectionOptions['connection']
    >
    return {
      sql: postgres({ ...base, connection, max: poolMax, idle_timeout: 60, prepare: !isPooled }),
      prepare: !isPooled,
      settings: isPooled ? statementsThatSet(settings, 'local') : ''
    }
  }

  const end = ({ sql }: Opened, timeout: number): Promise<void> => sql.end({ timeout })
  const listening = listenUrl === undefined ? base : optionsOf(completedFrom(address, parseDatabaseUrl(listenUrl)))
  return clientOver({
    pool: createPool({ open, end, maxConnections: poolMax, mayReplace: true, waitMs: responseMs }),
    responseMs,
    run: runOwn,
    where: address.hosts.map(nameOfHost).join(', '),
    maxConnections: poolMax,
    connect: more => postgres({ ...listening, ...more })
  })
}

/** Returns the listening URL. The user, password, database and `sslmode` that it lacks are those of the database URL. */
const completedFrom = (database: DatabaseUrl, listening: DatabaseUrl): DatabaseUrl => ({
  ...listening,
  user: listening.user ?? database.user,
  password: listening.password ?? database.password,
  database: listening.database ?? database.database,
  sslmode: listening.sslmode ?? database.sslmode
})

/**
 * Wraps a client of the host application. Never changes its session settings and never closes it. `listenUrl` is needed if the
 * client connects through a transaction pooler, and `ssl` and `ca` apply only to `listenUrl`. Throws a TypeError if the client
 * has the option `transform.row`.
 */
export const adoptPostgres = (sql: postgres.Sql, { listenUrl, ssl, ca }: ListeningAddress): SqlClient => {
  const { host, port, path, transform, max: maxConnections } = sql.options
  if (transform.row.from) {
    throw new TypeError(
      '`client` has the option `transform.row`, which changes rows. Remove the option, or pass `databaseUrl` instead.'
    )
  }
  const run = runForeign(transform.column.from ?? (name => name))

  const open = async (): Promise<Opened> => {
    const { isPooled, isAcceptable, settings } = await inspectSession((...query) => run(sql, ...query, false))
    return {
      sql,
      prepare: sql.options.prepare !== false && !isPooled,
      settings: !isPooled && isAcceptable ? '' : statementsThatSet(settings, 'local')
    }
  }

  // Creates a dedicated connection, as the `listen` of postgres.js does.
  const listening = listenUrl === undefined ? sql.options : connectionOptions(parseDatabaseUrl(listenUrl), { ssl, ca })
  const servers = host.map((name, at) => nameOfHost({ host: name, port: port[at] ?? port[0] ?? 5432 }))
  return clientOver({
    pool: createPool({ open, end: async () => {}, maxConnections, mayReplace: false, waitMs: RESPONSE_MS }),
    responseMs: RESPONSE_MS,
    run,
    where: path ? String(path) : servers.join(', '),
    maxConnections,
    connect: more => postgres({ ...(listening as ConnectionOptions), ...more })
  })
}

interface ClientParts extends Pick<ListenOptions, 'connect'> {
  readonly pool: Pool<Opened>
  readonly responseMs: number
  readonly run: Run
  readonly where: string
  readonly maxConnections: number
}

const clientOver = ({ pool, responseMs, run, where, maxConnections, connect }: ClientParts): SqlClient => {
  const poolFor = (isUrgent: boolean) => (isUrgent ? pool.runUrgently : pool.run)

  const execute: Execute = (text, params, { isPrepared, isUrgent = false }) =>
    poolFor(isUrgent)(opened => {
      const { sql, prepare, settings } = opened
      const limit = createResponseLimit(responseMs)
      if (settings === '') return limit.wait(run(sql, text, params, isPrepared && prepare))
      return inTransaction(opened, limit, (transaction, send) => send(() => run(transaction, text, params, false)))
    })

  const notify = async (channel: string, payloads: readonly string[]): Promise<void> => {
    await pool.runUrgently(({ sql, prepare }) =>
      createResponseLimit(responseMs).wait(run(sql, NOTIFY, [channel, payloads], prepare))
    )
  }

  return {
    engine: 'postgres',
    where,
    maxConnections,
    inUse: pool.inUse,
    waiting: pool.waiting,
    replaceConnections: pool.replace,
    drizzle: drizzleOver(execute),
    query: async <Row extends object>(text: string, params: readonly unknown[] = [], { isUrgent = false } = {}) =>
      asObjects<Row>(await execute(text, params, { isPrepared: true, isUrgent })),
    transaction: (work, { isUrgent = false, isUnlimited = false } = {}) =>
      poolFor(isUrgent)(opened => {
        const limit = isUnlimited ? NO_LIMIT : createResponseLimit(responseMs)
        return inTransaction(opened, limit, (transaction, send) => {
          const limited: Run = (...statement) => send(() => limit.wait(run(...statement)))
          return work(transactionOver(transaction, limited, send))
        })
      }),
    notifications: {
      notify,
      listen: (channel, onPayload, onListening, onFailure) =>
        listenOn({ connect, run, channel, onPayload, onListening, onFailure }),
      isDelivered: () => deliversNotifications(connect, notify)
    },
    close: pool.end
  }
}

const inTransaction = <T>(
  { sql, settings }: Opened,
  limit: ResponseLimit,
  work: (transaction: Runner, send: Send) => Promise<T>
): Promise<T> =>
  limit.during(async () => {
    let begin = (): void => {}
    const begun = new Promise<void>(resolve => {
      begin = resolve
    })
    let commit = (): void => {}
    const working = new Promise<void>(resolve => {
      commit = resolve
    })
    let isTooLate = false
    const result = beginTransaction(sql, 'isolation level read committed', async (transaction, send) => {
      // The caller has received a timeout and may have started the work again. The error rolls the transaction back.
      if (isTooLate) throw new Error('The transaction began too late, so its work was not started.')
      begin()
      // Doesn't wait for the result of the settings, so that they are sent together with the first statement of `work`.
      const isSet = settings === '' ? undefined : send(() => transaction.unsafe(settings).simple().execute())
      try {
        const [done] = await Promise.all([work(transaction, send), isSet])
        return done
      } finally {
        commit()
      }
    })
    try {
      await limit.wait(Promise.race([begun, result]))
    } catch (error) {
      isTooLate = true
      throw error
    }
    await Promise.race([working, result])
    return limit.wait(result)
  })

const transactionOver = (transaction: Runner, run: Run, send: Send): SqlTransaction => ({
  query: async <Row extends object>(text: string, params: readonly unknown[] = []) =>
    asObjects<Row>(await run(transaction, text, params, false)),
  exec: async text => {
    await send(() => transaction.unsafe(text).simple())
  },
  drizzle: drizzleOver((text, params) => run(transaction, text, params, false))
})
