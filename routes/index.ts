/** Registers all routes. Every route requires an authenticated user, except those in `publicRoutes`. */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import adminAuditRoutes from './admin-audit.ts'
import adminInvitationRoutes from './admin-invitations.ts'
import adminReportRoutes from './admin-reports.ts'
import adminUserRoutes from './admin-users.ts'
import appRoutes from './app.ts'
import authRoutes, { type AuthRoutesOptions } from './auth.ts'
import authFeatureRoutes, { type AuthFeatureRoutesOptions } from './auth-features.ts'
import blockRoutes from './blocks.ts'
import docsRoutes from './docs.ts'
import emailRoutes, { publicEmailRoutes } from './emails.ts'
import entranceRoute from './entrance.ts'
import entryRoutes from './entries.ts'
import healthRoutes from './health.ts'
import inboxRoutes from './inbox.ts'
import memberRoutes from './members.ts'
import messageRoutes from './messages.ts'
import metricsRoute from './metrics.ts'
import moderationRoutes from './moderation.ts'
import passkeyRoutes from './passkeys.ts'
import passwordRoutes, { publicPasswordRoutes } from './passwords.ts'
import { directRoomRoutes, userDirectoryRoutes } from './people.ts'
import readRoutes from './reads.ts'
import reportRoutes from './reports.ts'
import roomInvitationRoutes from './room-invitations.ts'
import roomLogRoutes from './room-log.ts'
import roomRoutes from './rooms.ts'
import sessionRoutes, { publicSessionRoutes } from './sessions.ts'
import socketRoute, { checkOrigins, type SocketRouteOptions } from './socket.ts'
import totpRoutes from './totp.ts'
import twoFactorLoginRoutes from './two-factor-login.ts'
import userRoutes from './users.ts'

/** The options of the public routes. The options `has…` determine which of the routes are mounted. */
export interface PublicRoutesOptions extends AuthRoutesOptions, AuthFeatureRoutesOptions {
  readonly publicUrl?: string | undefined
  readonly hasHealth: boolean
  readonly hasEntrance: boolean
  readonly hasDocuments: boolean
  readonly hasApp: boolean
}

/**
 * Registers the routes that require no access token: registration, login, refresh and logout, mailed links, second factors,
 * the features for people who are not logged in, metrics, health, the start page, the API documents and the web client.
 */
export const publicRoutes: FastifyPluginAsync<PublicRoutesOptions> = async (fastify, options) => {
  const { registerRateLimit, loginRateLimit, registration, requireVerifiedEmail, ...more } = options
  const { publicUrl, hasHealth, hasEntrance, hasDocuments, hasApp } = more
  if (fastify.chatAuth.hasLocalAccounts) {
    await fastify.register(publicLocalRoutes, { registerRateLimit, loginRateLimit })
    await fastify.register(authFeatureRoutes, { registration, requireVerifiedEmail })
  }
  await fastify.register(metricsRoute)
  if (hasHealth) await fastify.register(healthRoutes)
  if (hasEntrance) await fastify.register(entranceRoute, { hasApp })
  if (hasDocuments) await fastify.register(docsRoutes, { publicUrl })
  if (hasApp) await fastify.register(appRoutes)
}

/** Registers the public routes of registration, logins, sessions, passwords and e-mail addresses. */
const publicLocalRoutes: FastifyPluginAsync<AuthRoutesOptions> = async (fastify, options) => {
  const { loginRateLimit } = options
  await fastify.register(authRoutes, options)
  await fastify.register(publicSessionRoutes)
  await fastify.register(publicPasswordRoutes, { loginRateLimit })
  await fastify.register(publicEmailRoutes, { loginRateLimit })
  await fastify.register(twoFactorLoginRoutes, { loginRateLimit })
}

export interface AuthenticatedRoutesOptions extends SocketRouteOptions, Pick<AuthRoutesOptions, 'loginRateLimit'> {
  /** Whether users can search for other users. */
  readonly hasUserDirectory: boolean
  readonly hasDirectRooms: boolean
}

/** Registers the routes that require an authenticated user. */
export const authenticatedRoutes: FastifyPluginAsync<AuthenticatedRoutesOptions> = async (fastify, options) => {
  // The origin is checked before the token. Otherwise, a page from a forbidden origin could find out whether a token is valid.
  checkOrigins(fastify, options)
  requireUser(fastify)
  requireProofAndRole(fastify)
  await fastify.register(userRoutes)
  if (fastify.chatAuth.hasLocalAccounts) await fastify.register(localRoutes, { loginRateLimit: options.loginRateLimit })
  await fastify.register(messageRoutes)
  await fastify.register(roomRoutes)
  await fastify.register(memberRoutes)
  await fastify.register(moderationRoutes)
  await fastify.register(readRoutes)
  await fastify.register(blockRoutes)
  await fastify.register(reportRoutes)
  await fastify.register(roomInvitationRoutes, { publicUrl: options.publicUrl })
  await fastify.register(inboxRoutes)
  if (options.hasDirectRooms) await fastify.register(directRoomRoutes)
  if (options.hasUserDirectory) await fastify.register(userDirectoryRoutes)
  await fastify.register(roomLogRoutes)
  await fastify.register(entryRoutes)
  await fastify.register(socketRoute)
  await fastify.register(adminUserRoutes)
  await fastify.register(adminAuditRoutes)
  await fastify.register(adminReportRoutes)
}

/**
 * Registers the routes for sessions, passwords, e-mail addresses, second factors and invitations, if users can log in to this
 * service.
 */
const localRoutes: FastifyPluginAsync<Pick<AuthRoutesOptions, 'loginRateLimit'>> = async (fastify, options) => {
  await fastify.register(sessionRoutes, options)
  await fastify.register(passwordRoutes, options)
  await fastify.register(emailRoutes)
  await fastify.register(totpRoutes)
  await fastify.register(passkeyRoutes)
  await fastify.register(adminInvitationRoutes)
}

/** Returns whether a request may have a body. The hooks check such a request again when its body has arrived. */
const mayHaveBody = ({ method }: FastifyRequest): boolean => method !== 'GET' && method !== 'HEAD'

/**
 * Adds hooks to a scope. The hooks set `request.chatUser`, and respond with 401 if a request is not authenticated. They check a
 * request when its headers have arrived, and again when its body has arrived.
 */
export const requireUser = (fastify: FastifyInstance): void => {
  const { chatAuth } = fastify
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.chatSocket) return done()
    return chatAuth.requireUser(request)
  })
  // A WebSocket is authenticated in a later hook than other requests, because `checkOrigins` must check its origin first.
  fastify.addHook('preValidation', (request, _reply, done) => {
    if (request.routeOptions.config.chatSocket) return chatAuth.requireSocketUser(request)
    if (!mayHaveBody(request)) return done()
    return chatAuth.recheckUser(request)
  })
}

/**
 * Adds hooks that respond with 403 in two cases:
 * - The route has `chatAdmin`, and the user is not an administrator, or lacks the second factor that administrators need.
 * - The route has `chatProof`, and the user has not recently proven who they are.
 *
 * The hooks check a request when its headers have arrived, and again when its body has arrived.
 */
const requireProofAndRole = (fastify: FastifyInstance): void => {
  const { chatAuth } = fastify
  const check = async (request: FastifyRequest): Promise<void> => {
    const { chatAdmin, chatProof } = request.routeOptions.config
    if (chatAdmin) await chatAuth.requireAdmin(request)
    if (chatProof) await chatAuth.requireProof(request)
  }
  const isChecked = ({ routeOptions: { config } }: FastifyRequest): boolean =>
    config.chatAdmin === true || config.chatProof === true
  fastify.addHook('onRequest', (request, _reply, done) => (isChecked(request) ? check(request) : done()))
  fastify.addHook('preValidation', (request, _reply, done) =>
    isChecked(request) && mayHaveBody(request) ? check(request) : done()
  )
}
