/**
 * Opens the database, or uses the client of a host application. Applies the migrations if `migrateOnStart` is true. Decorates
 * the Fastify instance with `chatDb` and `chatDbAtStart`.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { logEvent } from '../src/accounts/log-event.ts'
import { createOptionsReader, type SettingOptions, type SettingValues } from '../src/config/plugin-options.ts'
import { auditSettings } from '../src/config/settings/audit.ts'
import { databaseSettings } from '../src/config/settings/database.ts'
import { adoptClient, type DatabaseHandle, openClient, waitForDatabase } from '../src/db/client/open.ts'
import type { SqlClient } from '../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../src/db/database.ts'
import { migrateUp, requireMigrated } from '../src/db/migrate.ts'
import type { NewAuditEvent } from '../src/db/repositories/audit.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatDb: ChatDatabase
    /**
     * Calls `work` with a database during the start. `work` uses the client of the host application, or the embedded database.
     * If there is neither, a connection is opened for `work` and closed afterwards. An open connection would keep the process
     * running if the start failed later. If the host passed a client and `migrateOnStart` is false, `work` is not called,
     * because the host may not be connected yet.
     */
    chatDbAtStart: (work: (database: ChatDatabase) => Promise<void>) => Promise<void>
  }
}

const ownSettings = { ...databaseSettings, ...auditSettings }

/**
 * Options of the db plugin. docs/settings.md describes the options that are settings. `databaseUrl` is required unless `client`
 * is given.
 */
export interface ChatDbOptions extends SettingOptions<typeof ownSettings> {
  /**
   * A database client to use instead of `databaseUrl`. The plugin never closes the client, and does not wait for the database.
   */
  readonly client?: DatabaseHandle | undefined
}

type Settings = SettingValues<typeof ownSettings>

const readOptions = createOptionsReader('chat-db', { settings: ownSettings })

/**
 * Decorates the instance with the repositories. Rejects if the database cannot be reached, if a migration fails, or if
 * `migrateOnStart` is false and a migration is missing. With `client`, none of this is checked if `migrateOnStart` is false.
 */
export default fp(
  async function chatDb(fastify: FastifyInstance, options: ChatDbOptions) {
    const settings = readOptions(options)
    const client = options.client ? await adopt(fastify, options.client, settings) : await open(fastify, settings)
    const { databaseSchema, migrateOnStart } = settings
    // A client that the host application passed in stays open.
    if (!options.client) shutdownOf(fastify).add('close the database', () => client.close())
    const audit = { days: settings.auditDays, onRecorded: (event: NewAuditEvent) => logEvent(fastify.log, event) }
    fastify.decorate('chatDb', createDatabase(client, databaseSchema, { audit }))
    fastify.decorate('chatDbAtStart', async (work: (database: ChatDatabase) => Promise<void>) => {
      if (options.client && !migrateOnStart) return
      const isShared = options.client !== undefined || client.engine === 'pglite'
      const own = isShared ? client : await openClient({ ...reachOf(settings), poolMax: 1 })
      await work(createDatabase(own, databaseSchema)).finally(() => (isShared ? undefined : own.close()))
    })
  },
  { name: 'chat-db', fastify: '5.x' }
)

/** Returns the client without `notifications` if notifications do not arrive, so that the service polls more often. */
const withoutLostNotifications = async (fastify: FastifyInstance, client: SqlClient): Promise<SqlClient> => {
  // An error means that the listener could not connect. The error is ignored here, because the chat plugin also listens at the
  // start and then reports the error.
  const isDelivered = (await client.notifications?.isDelivered().catch(() => true)) ?? true
  if (isDelivered) return client
  fastify.log.warn(
    `The pooler at ${client.where} does not deliver notifications (LISTEN), as is usual in transaction mode. Messages of other processes ` +
      'arrive several seconds late. Set DATABASE_LISTEN_URL (databaseListenUrl) to a direct connection to PostgreSQL.'
  )
  return { ...client, notifications: null }
}

export type { DatabaseHandle }

const adopt = async (fastify: FastifyInstance, handle: DatabaseHandle, settings: Settings): Promise<SqlClient> => {
  const { databaseSchema, databaseListenUrl: listenUrl, databaseSsl: ssl, databaseCa: ca, migrateOnStart } = settings
  const client = await withoutLostNotifications(fastify, await adoptClient(handle, { listenUrl, ssl, ca }))
  // Without `migrateOnStart`, the migrations are not checked either, because the host may not be connected yet.
  if (migrateOnStart) await migrateUp(client, databaseSchema)
  return client
}

/**
 * Opens the database, waits until it responds, and applies the migrations. If `migrateOnStart` is false, checks instead that
 * the migrations are applied. For PostgreSQL, uses a separate client for these steps, and closes this client. The returned
 * client connects with its first query. So if the start fails later, no open connection keeps the process running.
 */
const open = async (fastify: FastifyInstance, settings: Settings): Promise<SqlClient> => {
  const reach = reachOf(settings)
  const first = await openClient({ ...reach, poolMax: 1, onWarning: sentence => fastify.log.warn(sentence) })
  let notifications: SqlClient['notifications']
  try {
    await prepare(fastify, first, settings)
    notifications = (await withoutLostNotifications(fastify, first)).notifications
  } catch (error) {
    await first.close()
    throw error
  }
  if (first.engine === 'pglite') return first
  await first.close()
  const client = await openClient({ ...reach, poolMax: settings.databasePoolMax })
  return notifications ? client : { ...client, notifications: null }
}

const prepare = async (fastify: FastifyInstance, client: SqlClient, settings: Settings): Promise<void> => {
  const { databaseSchema, migrateOnStart, databaseWaitSeconds } = settings
  await waitForDatabase(client, {
    seconds: databaseWaitSeconds,
    onRetry: () => fastify.log.warn('the database does not respond yet; retrying')
  })
  if (migrateOnStart) await migrateUp(client, databaseSchema)
  else await requireMigrated(client, databaseSchema)
}

/** Returns the URLs and the TLS options of the database. Throws a TypeError if `databaseUrl` is missing. */
const reachOf = ({ databaseUrl, databaseSsl, databaseCa, databaseListenUrl }: Settings) => {
  if (!databaseUrl) throw new TypeError('The plugin chat-db requires `databaseUrl` or `client`.')
  return { url: databaseUrl, ssl: databaseSsl, ca: databaseCa, listenUrl: databaseListenUrl }
}
