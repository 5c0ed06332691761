/** Opens the database, or takes the one it is handed, waits for it and migrates; decorates `chatDb`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsReader, type SettingOptions, type SettingValues } from '../src/config/plugin-options.ts'
import { databaseSettings } from '../src/config/settings/database.ts'
import { adoptClient, type DatabaseHandle, openClient, waitForDatabase } from '../src/db/client/open.ts'
import type { SqlClient } from '../src/db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../src/db/database.ts'
import { migrateUp, requireMigrated } from '../src/db/migrate.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatDb: ChatDatabase
  }
}

/** Options of the db plugin. */
export interface ChatDbOptions extends SettingOptions<typeof databaseSettings> {
  /** A connected client instead of `databaseUrl`. The plugin neither waits for it nor closes it. */
  readonly client?: DatabaseHandle | undefined
}

type Settings = SettingValues<typeof databaseSettings>

const readOptions = createOptionsReader('chat-db', { settings: databaseSettings })

/** Rejects, with a sentence that names host and port, when the database stays away or a migration fails. */
export default fp(
  async function chatDb(fastify: FastifyInstance, options: ChatDbOptions) {
    const settings = readOptions(options)
    const client = options.client ? await adopt(fastify, options.client, settings) : await open(fastify, settings)
    // What we opened we close; what we were handed stays open.
    if (!options.client) fastify.addHook('onClose', () => client.close())
    fastify.decorate('chatDb', createDatabase(client, settings.databaseSchema))
  },
  { name: 'chat-db', fastify: '5.x' }
)

/** Removes a listener that receives nothing: without one the service polls, where it would otherwise wait for notifications. */
const withoutDeafNotifications = async (fastify: FastifyInstance, client: SqlClient): Promise<SqlClient> => {
  // A listener that can't connect has a reason of its own, which the bus reports.
  const isDelivered = (await client.notifications?.isDelivered().catch(() => true)) ?? true
  if (isDelivered) return client
  fastify.log.warn(
    `The pooler at ${client.where} does not deliver notifications (LISTEN), as in transaction mode. What other processes ` +
      'write arrives seconds late. Set DATABASE_LISTEN_URL (databaseListenUrl) to a direct connection to PostgreSQL.'
  )
  return { ...client, notifications: null }
}

export type { DatabaseHandle }

const adopt = async (fastify: FastifyInstance, handle: DatabaseHandle, settings: Settings): Promise<SqlClient> => {
  const { databaseSchema, databaseListenUrl, migrateOnStart } = settings
  const client = await withoutDeafNotifications(fastify, await adoptClient(handle, databaseListenUrl))
  if (migrateOnStart) await migrateUp(client, databaseSchema)
  return client
}

/**
 * Opens the database and prepares it. PostgreSQL is prepared over a connection that is closed again: the returned client connects with
 * its first query, so that a start which fails later leaves no connection that keeps the process alive.
 */
const open = async (fastify: FastifyInstance, settings: Settings): Promise<SqlClient> => {
  if (!settings.databaseUrl) throw new TypeError('The plugin chat-db needs `databaseUrl`, or a ready `client`.')
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
    notifications = (await withoutDeafNotifications(fastify, first)).notifications
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
    onRetry: () => fastify.log.warn('the database does not answer yet; trying again')
  })
  if (migrateOnStart) await migrateUp(client, databaseSchema)
  else await requireMigrated(client, databaseSchema)
}
