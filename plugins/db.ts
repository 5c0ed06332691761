/** Opens the database, or uses the client of a host, waits for it and migrates it; decorates `chatDb`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsReader, type SettingOptions, type SettingValues } from '../src/config/plugin-options.ts'
import { databaseSettings } from '../src/config/settings/database.ts'
import { adoptClient, type DatabaseHandle, openClient, waitForDatabase } from '../src/db/client/open.ts'
import type { SqlClient } from '../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../src/db/database.ts'
import { migrateUp, requireMigrated } from '../src/db/migrate.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatDb: ChatDatabase
  }
}

/** Options of the db plugin. docs/settings.md describes the settings among them. `databaseUrl` is required unless `client` is given. */
export interface ChatDbOptions extends SettingOptions<typeof databaseSettings> {
  /** Replaces `databaseUrl` with a connected client, which the plugin neither waits for nor closes. */
  readonly client?: DatabaseHandle | undefined
}

type Settings = SettingValues<typeof databaseSettings>

const readOptions = createOptionsReader('chat-db', { settings: databaseSettings })

/** Rejects, with an error that names host and port, if the database can't be reached or a migration fails. */
export default fp(
  async function chatDb(fastify: FastifyInstance, options: ChatDbOptions) {
    const settings = readOptions(options)
    const client = options.client ? await adopt(fastify, options.client, settings) : await open(fastify, settings)
    // A client that was passed in stays open.
    if (!options.client) shutdownOf(fastify).add('close the database', () => client.close())
    fastify.decorate('chatDb', createDatabase(client, settings.databaseSchema))
  },
  { name: 'chat-db', fastify: '5.x' }
)

/** Removes notifications that don't arrive: without them the service polls, instead of waiting for notifications. */
const withoutLostNotifications = async (fastify: FastifyInstance, client: SqlClient): Promise<SqlClient> => {
  // If the listener can't connect, that has another cause, which the bus reports.
  const isDelivered = (await client.notifications?.isDelivered().catch(() => true)) ?? true
  if (isDelivered) return client
  fastify.log.warn(
    `The pooler at ${client.where} does not deliver notifications (LISTEN), as in transaction mode. Messages of other processes ` +
      'arrive seconds late. Set DATABASE_LISTEN_URL (databaseListenUrl) to a direct connection to PostgreSQL.'
  )
  return { ...client, notifications: null }
}

export type { DatabaseHandle }

const adopt = async (fastify: FastifyInstance, handle: DatabaseHandle, settings: Settings): Promise<SqlClient> => {
  const { databaseSchema, databaseListenUrl, migrateOnStart } = settings
  const client = await withoutLostNotifications(fastify, await adoptClient(handle, databaseListenUrl))
  if (migrateOnStart) await migrateUp(client, databaseSchema)
  return client
}

/**
 * Opens the database and prepares it. PostgreSQL is prepared on a connection that is then closed: the returned client connects
 * with its first query, so that a start that fails later leaves no connection that keeps the process alive.
 */
const open = async (fastify: FastifyInstance, settings: Settings): Promise<SqlClient> => {
  if (!settings.databaseUrl) throw new TypeError('The plugin chat-db requires `databaseUrl` or `client`.')
  const reach = {
    url: settings.databaseUrl,
    ssl: settings.databaseSsl,
    ca: settings.databaseCa,
    listenUrl: settings.databaseListenUrl
  }
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
