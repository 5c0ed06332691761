/** The service as ONE Fastify plugin: the order in which it is put together, readable top to bottom. */
import type { FastifyInstance } from 'fastify'
import authPlugin from '../plugins/auth.ts'
import chatPlugin from '../plugins/chat.ts'
import configPlugin, { type HostSettings } from '../plugins/config.ts'
import cryptoPlugin from '../plugins/crypto.ts'
import dbPlugin from '../plugins/db.ts'
import opsPlugin from '../plugins/ops.ts'
import platformPlugin from '../plugins/platform.ts'
import problemsPlugin from '../plugins/problems.ts'
import authRoutes from '../routes/auth.ts'
import docsRoutes from '../routes/docs.ts'
import entranceRoute from '../routes/entrance.ts'
import healthRoutes from '../routes/health.ts'
import messageRoutes from '../routes/messages.ts'
import roomRoutes from '../routes/rooms.ts'
import socketRoute from '../routes/socket.ts'
import userRoutes from '../routes/users.ts'
import type { Bus } from './bus/bus.ts'
import type { ChatOptions } from './chat/chat.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Resolved } from './config/resolve.ts'
import type { SqlClient } from './db/client.ts'
import { serializers } from './logging.ts'

/**
 * Options of the service: PROTOCOL's settings in camelCase beside these. With any setting given, the environment is not
 * read; with none, it and `.env` are.
 */
export interface ChatServiceOptions extends HostSettings {
  /** Fastify's own: where the routes are mounted. */
  readonly prefix?: string
  /** Whether `/`, the health routes and the documents are mounted too. A host has its own. */
  readonly pages?: boolean
  /** Settings that are resolved already, in place of any above: the process needs some before it makes its server. */
  readonly resolved?: Resolved
  /** A ready database client instead of `databaseUrl`; it is left open. */
  readonly client?: SqlClient
  readonly clock?: Clock
  /** A ready bus between processes instead of the database's own. */
  readonly bus?: Bus
  /** For tests: other bounds for the writer. */
  readonly writer?: ChatOptions['writer']
}

/** Not wrapped with fastify-plugin, so that nothing of it leaks into the instance it is registered on. */
export const chatService = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  const { prefix, pages = false, resolved, client, clock = systemClock, bus, writer, ...settings } = options
  // Before any route: a query string may hold a token, and must not reach a log line.
  fastify.setChildLoggerFactory((logger, bindings, given) => logger.child(bindings, { ...given, serializers }))

  const given = Object.keys(settings).length > 0 ? { settings } : {}
  await fastify.register(configPlugin, { ...given, ...(resolved ? { resolved } : {}), needsDatabase: !client })
  const config = fastify.chatConfig
  await fastify.register(dbPlugin, { ...config, ...(client ? { client } : {}) })
  await fastify.register(cryptoPlugin, { ...config, clock })
  await fastify.register(authPlugin, { ...config, clock })
  await fastify.register(chatPlugin, { ...config, clock, ...(bus ? { bus } : {}), ...(writer ? { writer } : {}) })
  await fastify.register(opsPlugin)
  await fastify.register(problemsPlugin)
  await fastify.register(platformPlugin, config)

  await fastify.register(authRoutes, config)
  await fastify.register(userRoutes)
  await fastify.register(messageRoutes)
  await fastify.register(roomRoutes)
  await fastify.register(socketRoute, config)
  if (!pages) return
  await fastify.register(healthRoutes)
  await fastify.register(entranceRoute)
  await fastify.register(docsRoutes, config)
}
