/** Opens the database, or takes the one it is handed, waits for it and migrates; decorates `chatDb`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { adoptClient, type DatabaseHandle, openClient, type SqlClient, waitForDatabase } from '../src/db/client.ts'
import { type ChatDatabase, createDatabase } from '../src/db/database.ts'
import { migrateUp, requireMigrated } from '../src/db/migrate.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatDb: ChatDatabase
  }
}

/** Options of the db plugin. */
export interface ChatDbOptions {
  /** `postgres://…` or `pglite:DIR`; needed without `client`. */
  readonly databaseUrl?: string
  /** Where everything lies, by default `public`. */
  readonly databaseSchema?: string
  readonly databaseSsl?: 'disable' | 'require' | 'verify-full' | undefined
  readonly databaseCa?: string | undefined
  /** The most connections, by default 10. */
  readonly databasePoolMax?: number
  readonly databaseListenUrl?: string | undefined
  /** How long to wait for an unreachable database, in seconds, by default 10. */
  readonly databaseWaitSeconds?: number
  /** Whether to apply pending migrations, by default true. */
  readonly migrateOnStart?: boolean
  /** A ready client instead of `databaseUrl`: it is neither waited for nor closed here. */
  readonly client?: DatabaseHandle | undefined
}

/** Rejects, with a sentence that names host and port, when the database stays away or a migration fails. */
export default fp(
  async function chatDb(fastify: FastifyInstance, options: ChatDbOptions) {
    const { databaseSchema = 'public', migrateOnStart = true } = options
    const opened = options.client
      ? await adoptClient(options.client, options.databaseListenUrl)
      : await open(fastify, options)
    // What we opened we close; what we were handed stays open.
    if (!options.client) fastify.addHook('onClose', () => opened.close())
    const client = await withoutDeafNotifications(fastify, opened)
    if (migrateOnStart) await migrateUp(client, databaseSchema)
    else if (!options.client) await requireMigrated(client, databaseSchema)
    fastify.decorate('chatDb', createDatabase(client, databaseSchema))
  },
  { name: 'chat-db', fastify: '5.x' }
)

/** A listener that hears nothing would be taken for silence; without one the service polls, and knows that it does. */
const withoutDeafNotifications = async (fastify: FastifyInstance, client: SqlClient): Promise<SqlClient> => {
  // A listener that can't connect has a reason of its own, which the bus reports.
  const isHeard = (await client.notifications?.isHeard().catch(() => true)) ?? true
  if (isHeard) return client
  fastify.log.warn(
    `The pooler at ${client.where} does not deliver notifications (LISTEN), as in transaction mode. What other processes ` +
      'write arrives seconds late. Set DATABASE_LISTEN_URL (databaseListenUrl) to a direct connection to PostgreSQL.'
  )
  return { ...client, notifications: null }
}

export type { DatabaseHandle }

const open = async (fastify: FastifyInstance, options: ChatDbOptions): Promise<SqlClient> => {
  if (!options.databaseUrl) throw new TypeError('The plugin chat-db needs `databaseUrl`, or a ready `client`.')
  const client = await openClient({
    url: options.databaseUrl,
    ssl: options.databaseSsl,
    ca: options.databaseCa,
    poolMax: options.databasePoolMax ?? 10,
    listenUrl: options.databaseListenUrl,
    onWarning: sentence => fastify.log.warn(sentence)
  })
  try {
    await waitForDatabase(client, {
      seconds: options.databaseWaitSeconds ?? 10,
      onRetry: () => fastify.log.warn('the database does not answer yet; trying again')
    })
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}
