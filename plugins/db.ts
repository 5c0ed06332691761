/** Opens the database, or takes the one it is handed, waits for it and migrates; decorates `chatDb`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { openClient, type SqlClient, waitForDatabase } from '../src/db/client.ts'
import { type ChatDatabase, createDatabase } from '../src/db/database.ts'
import { migrateUp } from '../src/db/migrate.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatDb: ChatDatabase
  }
}

/** Options of the db plugin. */
export interface ChatDbOptions {
  /** `postgres://…` or `pglite:DIR`. */
  readonly databaseUrl: string
  readonly databaseSchema: string
  readonly databaseSsl?: 'disable' | 'require' | 'verify-full' | undefined
  readonly databaseCa?: string | undefined
  readonly databasePoolMax: number
  readonly databaseListenUrl?: string | undefined
  /** How long to wait for an unreachable database, in seconds. */
  readonly databaseWaitSeconds: number
  readonly migrateOnStart: boolean
  /** A ready client instead of `databaseUrl`: it is neither waited for nor closed here. */
  readonly client?: SqlClient
}

/** Rejects, with a sentence that names host and port, when the database stays away or a migration fails. */
export default fp(
  async function chatDb(fastify: FastifyInstance, options: ChatDbOptions) {
    const client = options.client ?? (await open(fastify, options))
    if (options.migrateOnStart) await migrateUp(client, options.databaseSchema)
    const database = createDatabase(client, options.databaseSchema)
    fastify.decorate('chatDb', database)
    // What we opened we close; what we were handed stays open.
    if (!options.client) fastify.addHook('onClose', () => client.close())
  },
  { name: 'chat-db', fastify: '5.x', dependencies: ['chat-config'] }
)

const open = async (fastify: FastifyInstance, options: ChatDbOptions): Promise<SqlClient> => {
  const client = await openClient({
    url: options.databaseUrl,
    ssl: options.databaseSsl,
    ca: options.databaseCa,
    poolMax: options.databasePoolMax,
    listenUrl: options.databaseListenUrl
  })
  try {
    await waitForDatabase(client, {
      seconds: options.databaseWaitSeconds,
      onRetry: () => fastify.log.warn('the database does not answer yet; trying again')
    })
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}
