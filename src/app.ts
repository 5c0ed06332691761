/** Assembles the service as one Fastify plugin, in order. */
import type { FastifyInstance } from 'fastify'
import authPlugin, { type Authenticate } from '../plugins/auth.ts'
import chatPlugin, { type ChatPluginOptions } from '../plugins/chat.ts'
import configPlugin, { type HostSettings } from '../plugins/config.ts'
import cryptoPlugin from '../plugins/crypto.ts'
import dbPlugin, { type DatabaseHandle } from '../plugins/db.ts'
import opsPlugin from '../plugins/ops.ts'
import platformPlugin from '../plugins/platform.ts'
import problemsPlugin, { validatorCompiler } from '../plugins/problems.ts'
import responsesPlugin from '../plugins/responses.ts'
import socketsPlugin from '../plugins/sockets.ts'
import { authenticatedRoutes, publicRoutes } from '../routes/index.ts'
import type { Bus } from './bus/bus.ts'
import type { Authorize, BeforeMessage } from './chat/access/authorize.ts'
import type { ChatOptions, HostFunctions } from './chat/options.ts'
import type { Need, Resolved } from './config/resolve.ts'
import { separateSchemas } from './http/schema-bucket.ts'
import { serializeResponses } from './http/serialize-responses.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { redactingLogger, serializers } from './lib/logging.ts'

/** Names what a standalone service serves beside the API. A host application usually has its own. */
export type Page = 'entrance' | 'health' | 'documents' | 'app'

/**
 * Configures the service, together with the settings in camelCase. If any setting is given, the environment is not read; otherwise
 * it and `.env` are.
 */
export interface ChatServiceOptions extends HostSettings {
  /** Sets where the routes are mounted; Fastify's own option. */
  readonly prefix?: string
  /**
   * Lists what is mounted beside the API: `/`, the health routes, the documents, the web client at `/app`; `true` for all. By
   * default nothing is. The web client needs our own accounts: with `authenticate`, or `webClient: false`, it is not mounted.
   */
  readonly pages?: boolean | readonly Page[]
  /** Replaces `databaseUrl` with a database client (postgres.js, PGlite), which stays open. */
  readonly client?: DatabaseHandle | undefined
  /** Returns the host's user who sent a request. With it, the users are the host's, and nobody registers or logs in here. */
  readonly authenticate?: Authenticate | undefined
  /** Decides who may read, publish or create a room; without it, every authenticated user may. */
  readonly authorize?: Authorize | undefined
  /** Edits or rejects a message before it is encrypted. */
  readonly beforeMessage?: BeforeMessage | undefined
  /** Sets the `security` of our routes in the host's own OpenAPI document, for example `[{ cookieAuth: [] }]`. */
  readonly documentSecurity?: readonly { readonly [scheme: string]: string[] }[] | undefined
  /** Called with each message that this process committed, at most once; must not throw. */
  readonly onMessage?: HostFunctions['onMessage']
  /** Holds resolved settings, instead of any above: the standalone service needs some before it creates its server. */
  readonly resolved?: Resolved | undefined
  readonly clock?: Clock | undefined
  /** Replaces the database's bus between processes. */
  readonly bus?: Bus | undefined
  /** Replaces the bounds of the append queue in tests. */
  readonly appendQueue?: ChatOptions['appendQueue']
  /** Replaces the kinds of entries in tests. */
  readonly kinds?: ChatPluginOptions['kinds']
}

/** Registers the service. Not wrapped with fastify-plugin, so that nothing of it leaks into the parent instance. */
export const chatService = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  try {
    await assemble(fastify, options)
  } catch (error) {
    // Fastify closes nothing after a failed start, and the embedded database's folder would stay locked.
    if (!options.client && fastify.hasDecorator('chatDb')) await fastify.chatDb.client.close()
    throw error
  }
}

const assemble = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  const { prefix: _, pages = false, resolved, client, clock = systemClock, bus, appendQueue, kinds, ...more } = options
  const { authenticate, authorize, beforeMessage, onMessage, documentSecurity, ...others } = more
  const settings = withoutFastifys(others)
  checkPages(pages)
  // Before any route: a query string may contain a token, which must not reach a log line.
  fastify.log = redactingLogger(fastify.log)
  fastify.setChildLoggerFactory((logger, bindings, given) =>
    redactingLogger(logger.child(bindings, { ...given, serializers }))
  )

  separateSchemas(fastify, validatorCompiler)
  if (!fastify.hasPlugin('chat-responses')) await fastify.register(responsesPlugin, { clock })
  fastify.addHook('onRoute', serializeResponses)
  // After a host application's hooks, which may allow caching: a response for one user must not be stored (RFC 9111, 5.2.2.5).
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode >= 400 || !request.routeOptions.config.chatMayBeStored)
      reply.header('cache-control', 'no-store')
    done(null, payload)
  })

  const given = Object.keys(settings).length > 0 ? { settings } : {}
  const without: Need[] = [...(client ? ['database' as const] : []), ...(authenticate ? ['secretKey' as const] : [])]
  await fastify.register(configPlugin, { ...given, ...(resolved ? { resolved } : {}), without })
  const config = fastify.chatConfig
  await fastify.register(dbPlugin, { ...config, client })
  await fastify.register(cryptoPlugin, { ...config, clock })
  await fastify.register(authPlugin, { ...config, authenticate, clock })
  await fastify.register(chatPlugin, {
    ...config,
    authorize,
    beforeMessage,
    onMessage,
    clock,
    bus,
    appendQueue,
    kinds
  })
  await fastify.register(opsPlugin, { ...config, clock })
  // Only the standalone service passes resolved settings, and it has no host application.
  await fastify.register(problemsPlugin, { hasOwnCodesOnly: resolved !== undefined })
  await fastify.register(socketsPlugin)
  const mounts = (page: Page): boolean => (typeof pages === 'boolean' ? pages : pages.includes(page))
  const { corsOrigins, publicUrl, apiContact, registerRateLimit, loginRateLimit } = config
  await fastify.register(platformPlugin, {
    prefix: fastify.prefix,
    corsOrigins,
    publicUrl,
    apiContact,
    hasDocument: mounts('documents'),
    documentSecurity,
    impossibleErrors: [
      ...(authorize ? [] : (['not_allowed'] as const)),
      ...(beforeMessage ? [] : (['rejected'] as const))
    ]
  })

  // Each plugin gets only its own options, because Fastify treats some names, such as logLevel, as options of its own.
  await fastify.register(publicRoutes, {
    registerRateLimit,
    loginRateLimit,
    publicUrl,
    hasHealth: mounts('health'),
    hasEntrance: mounts('entrance'),
    hasDocuments: mounts('documents'),
    hasApp: mounts('app') && config.webClient && !authenticate
  })
  await fastify.register(authenticatedRoutes, { corsOrigins, publicUrl })
}

const PAGES: ReadonlySet<unknown> = new Set<Page>(['entrance', 'health', 'documents', 'app'])

/** Throws a TypeError for an invalid `pages`. */
const checkPages = (pages: unknown): void => {
  if (typeof pages === 'boolean' || (Array.isArray(pages) && pages.every(page => PAGES.has(page)))) return
  throw new TypeError(`The option \`pages\` must be true, false or a list of: ${[...PAGES].join(', ')}.`)
}

/** Removes Fastify's own options of a registration, which it has applied to our routes already. */
const withoutFastifys = ({
  logLevel: _,
  ...others
}: HostSettings & { readonly logSerializers?: unknown }): HostSettings => {
  const { logSerializers: __, ...settings } = others
  return settings
}
