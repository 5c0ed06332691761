/** All routes. A route requires an authenticated user; the exceptions are registered in `publicRoutes`. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import appRoutes from './app.ts'
import authRoutes, { type AuthRoutesOptions } from './auth.ts'
import docsRoutes from './docs.ts'
import entranceRoute from './entrance.ts'
import entryRoutes from './entries.ts'
import healthRoutes from './health.ts'
import messageRoutes from './messages.ts'
import roomRoutes from './rooms.ts'
import socketRoute, { checkOrigins, type SocketRouteOptions } from './socket.ts'
import userRoutes from './users.ts'

/** Which of the public routes are mounted beside register and login. */
export interface PublicRoutesOptions extends AuthRoutesOptions {
  readonly publicUrl?: string | undefined
  readonly hasHealth: boolean
  readonly hasEntrance: boolean
  readonly hasDocuments: boolean
  readonly hasApp: boolean
}

/** The routes that need no user: register, login, health, the entrance, the documents and the page. */
export const publicRoutes: FastifyPluginAsync<PublicRoutesOptions> = async (fastify, options) => {
  const { registerRateLimit, loginRateLimit, publicUrl, hasHealth, hasEntrance, hasDocuments, hasApp } = options
  await fastify.register(authRoutes, { registerRateLimit, loginRateLimit })
  if (hasHealth) await fastify.register(healthRoutes)
  if (hasEntrance) await fastify.register(entranceRoute, { hasApp })
  if (hasDocuments) await fastify.register(docsRoutes, { publicUrl })
  if (hasApp) await fastify.register(appRoutes)
}

/** All other routes. */
export const authenticatedRoutes: FastifyPluginAsync<SocketRouteOptions> = async (fastify, options) => {
  // Before the user, so that a page that may not connect doesn't learn whether its token is valid.
  checkOrigins(fastify, options)
  requireUser(fastify)
  await fastify.register(userRoutes)
  await fastify.register(messageRoutes)
  await fastify.register(roomRoutes)
  await fastify.register(entryRoutes)
  await fastify.register(socketRoute)
}

/** Responds with 401 on every route of a scope unless the caller is authenticated; sets `request.chatUser`. */
export const requireUser = (fastify: FastifyInstance): void => {
  const { chatAuth } = fastify
  fastify.addHook('onRequest', async request => {
    if (!request.routeOptions.config.chatSocket) await chatAuth.requireUser(request)
  })
  // Later, because the origin of a WebSocket is checked first.
  fastify.addHook('preValidation', async request => {
    if (request.routeOptions.config.chatSocket) await chatAuth.requireSocketUser(request)
  })
}
