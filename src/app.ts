/**
 * Assembles the service as one Fastify plugin: registers the plugins and the routes in the order in which they depend on each
 * other.
 */
import type { FastifyInstance } from 'fastify'
import authPlugin, { type Authenticate } from '../plugins/auth.ts'
import chatPlugin, { type ChatPluginOptions } from '../plugins/chat.ts'
import configPlugin, { type HostSettings } from '../plugins/config.ts'
import cryptoPlugin from '../plugins/crypto.ts'
import dbPlugin, { type DatabaseHandle } from '../plugins/db.ts'
import headersPlugin from '../plugins/headers.ts'
import mailPlugin, { type ChatMailOptions } from '../plugins/mail.ts'
import metricsPlugin, { type ChatMetricsOptions } from '../plugins/metrics.ts'
import opsPlugin from '../plugins/ops.ts'
import platformPlugin from '../plugins/platform.ts'
import privacyPlugin from '../plugins/privacy.ts'
import problemsPlugin, { validatorCompiler } from '../plugins/problems.ts'
import responsesPlugin from '../plugins/responses.ts'
import socketsPlugin from '../plugins/sockets.ts'
import { authenticatedRoutes, publicRoutes } from '../routes/index.ts'
import type { Bus } from './bus/bus.ts'
import type { Authorize, BeforeMessage, FinerAction } from './chat/access/authorize.ts'
import type { ChatOptions, HostFunctions } from './chat/options.ts'
import type { Need, Resolved } from './config/resolve.ts'
import { separateSchemas } from './http/schema-bucket.ts'
import { serializeResponses } from './http/serialize-responses.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { redactingLogger, requestLogger } from './lib/logging.ts'

/** A group of routes that a standalone service serves in addition to the API. A host application usually has its own pages. */
export type Page = 'entrance' | 'health' | 'documents' | 'app'

/**
 * The options of the service, including the settings in camelCase. If any setting is given, the environment and `.env` are not
 * read.
 */
export interface ChatServiceOptions extends HostSettings {
  /** The path prefix of all routes. This is an option of Fastify. */
  readonly prefix?: string
  /**
   * The groups of routes to mount in addition to the API. `true` mounts all groups. The default is no group. The web client
   * needs accounts of the service, so it is not mounted if `authenticate` is given. The web client is also not mounted if
   * `webClient` or `authLocal` is false.
   */
  readonly pages?: boolean | readonly Page[]
  /** A database client (postgres.js, PGlite) to use instead of `databaseUrl`. The service never closes it. */
  readonly client?: DatabaseHandle | undefined
  /**
   * Returns the host user who sent a request. With this function, the service has no accounts, and nobody can register or log
   * in.
   */
  readonly authenticate?: Authenticate | undefined
  /**
   * Decides who may read a room, publish in a room or create a room. The rules of the room apply in addition. Without this
   * function, only the rules of the room apply.
   */
  readonly authorize?: Authorize | undefined
  /**
   * Further actions for which `authorize` is called: `moderate`, `manage` or `invite`. A listed action is allowed only if the
   * rules of the room and `authorize` both allow it. An unlisted action is allowed if the rules of the room allow it.
   */
  readonly authorizeActions?: readonly FinerAction[] | undefined
  /** Edits or rejects a message before it is encrypted. */
  readonly beforeMessage?: BeforeMessage | undefined
  /** The `security` of the chat's routes in the OpenAPI document of the host, for example `[{ cookieAuth: [] }]`. */
  readonly documentSecurity?: readonly { readonly [scheme: string]: string[] }[] | undefined
  /** Called with each message that this process committed, at most once per message. Must not throw. */
  readonly onMessage?: HostFunctions['onMessage']
  /**
   * Called for each entry that this process committed, at most once per entry. The entries of a room are in the order of `seq`.
   * The argument is a function that creates the entry. Must not throw.
   */
  readonly onEntry?: HostFunctions['onEntry']
  /**
   * Resolved settings, which replace the settings in the options. The standalone service resolves the settings before it
   * creates its server.
   */
  readonly resolved?: Resolved | undefined
  readonly clock?: Clock | undefined
  /**
   * Replaces the default bus. The default bus uses the notifications of the database, and Redis if `redisUrl` is set. If the
   * database sends no notifications, the default bus reaches only this process.
   */
  readonly bus?: Bus | undefined
  /** Replaces options of the append queue. Used only in tests. */
  readonly appendQueue?: ChatOptions['appendQueue']
  /** See `ChatOptions.joinsPosters`. Used only in tests. */
  readonly joinsPosters?: ChatOptions['joinsPosters']
  /**
   * The kinds of entries that belong to the host application: a schema, as TypeBox or JSON Schema, for each name. A name has a
   * dot, for example `acme.order`. `chat.append` appends such entries. All processes must have the same kinds. If a process has
   * no schema for a kind, it shows the entries of this kind as unknown.
   */
  readonly kinds?: ChatPluginOptions['kinds']
  /** Replaces the kinds of entries of the service. Used only in tests. */
  readonly builtInKinds?: ChatPluginOptions['builtInKinds']
  /**
   * The registry of prom-client to which the chat adds its metrics. The host application serves the registry. `metricsToken` and
   * `metricsPort` are for applications without a registry.
   */
  readonly metrics?: ChatMetricsOptions['metrics']
  /** Receives mails as text if `smtpUrl` is missing. Used by `fastify-chat dev`. */
  readonly printMail?: ChatMailOptions['printMail']
  /** Replaces the limits of the outbox. Used only in tests. */
  readonly mailLimits?: ChatMailOptions['mailLimits']
}

/** Registers the service. The plugin is encapsulated, so its hooks and decorators do not affect the parent instance. */
export const chatService = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  try {
    await assemble(fastify, options)
  } catch (error) {
    // Fastify runs no onClose hooks after a failed start. If the client stayed open, the folder of an embedded database would
    // stay locked.
    if (!options.client && fastify.hasDecorator('chatDb')) await fastify.chatDb.client.close()
    throw error
  }
}

const assemble = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  const {
    prefix: _,
    pages = false,
    resolved,
    client,
    clock = systemClock,
    bus,
    appendQueue,
    joinsPosters,
    kinds,
    builtInKinds,
    ...more
  } = options
  const {
    authenticate,
    authorize,
    authorizeActions,
    beforeMessage,
    onMessage,
    onEntry,
    documentSecurity,
    metrics,
    printMail,
    mailLimits,
    ...others
  } = more
  const settings = withoutFastifyOptions(others)
  checkPages(pages)
  // Replaces the loggers, because a query string may contain a token, which must not be logged. This must happen before any
  // route is registered, so that it affects all routes.
  fastify.log = redactingLogger(fastify.log)
  fastify.setChildLoggerFactory(requestLogger)

  separateSchemas(fastify, validatorCompiler)
  if (!fastify.hasPlugin('chat-responses')) await fastify.register(responsesPlugin, { clock })
  if (!fastify.hasPlugin('chat-headers')) await fastify.register(headersPlugin)
  fastify.addHook('onRoute', serializeResponses)

  const given = Object.keys(settings).length > 0 ? { settings } : {}
  const without: Need[] = [...(client ? ['database' as const] : []), ...(authenticate ? ['secretKey' as const] : [])]
  await fastify.register(configPlugin, { ...given, ...(resolved ? { resolved } : {}), without })
  const config = fastify.chatConfig
  if (!fastify.hasPlugin('chat-metrics')) await fastify.register(metricsPlugin, { ...config, metrics })
  await fastify.register(dbPlugin, { ...config, client })
  await fastify.register(cryptoPlugin, { ...config, clock })
  // The chat stores no e-mail addresses of a host application's users, so it sends them no mails.
  if (!authenticate) await fastify.register(mailPlugin, { ...config, clock, printMail, mailLimits })
  await fastify.register(authPlugin, { ...config, authenticate, clock })
  await fastify.register(chatPlugin, {
    ...config,
    authorize,
    authorizeActions,
    beforeMessage,
    onMessage,
    onEntry,
    clock,
    bus,
    appendQueue,
    joinsPosters,
    kinds,
    builtInKinds
  })
  await fastify.register(privacyPlugin, { ...config, clock })
  await fastify.register(opsPlugin, { ...config, clock })
  // Only the standalone service passes `resolved`. The standalone service has no host application that could add error codes.
  await fastify.register(problemsPlugin, { hasOwnCodesOnly: resolved !== undefined })
  await fastify.register(socketsPlugin)
  const mounts = (page: Page): boolean => (typeof pages === 'boolean' ? pages : pages.includes(page))
  const { corsOrigins, publicUrl, apiContact, registerRateLimit, loginRateLimit } = config
  if (config.smtpUrl && !config.mailLinkUrl && !mounts('app') && !authenticate) {
    fastify.log.warn(
      'The option `pages` leaves out the web client, so links in mails lead to a page that does not exist. Set `mailLinkUrl` to your own page.'
    )
  }
  await fastify.register(platformPlugin, {
    prefix: fastify.prefix,
    corsOrigins,
    publicUrl,
    apiContact,
    hasDocument: mounts('documents'),
    documentSecurity,
    impossibleErrors: beforeMessage ? [] : ['rejected']
  })

  // Passes only the options that the routes use, because Fastify itself interprets some options, such as `logLevel`.
  await fastify.register(publicRoutes, {
    registerRateLimit,
    loginRateLimit,
    publicUrl,
    registration: config.registration,
    requireVerifiedEmail: config.requireVerifiedEmail,
    hasHealth: mounts('health'),
    hasEntrance: mounts('entrance'),
    hasDocuments: mounts('documents'),
    hasApp: mounts('app') && config.webClient && !authenticate && config.authLocal
  })
  await fastify.register(authenticatedRoutes, {
    corsOrigins,
    publicUrl,
    loginRateLimit,
    // By default, users of a host application cannot find or contact each other through the chat, because the host decides who
    // may do so.
    hasUserDirectory: config.userDirectory ?? !authenticate,
    hasDirectRooms: config.directRooms ?? !authenticate
  })
}

const PAGES: ReadonlySet<unknown> = new Set<Page>(['entrance', 'health', 'documents', 'app'])

/** Throws a TypeError for an invalid `pages`. */
const checkPages = (pages: unknown): void => {
  if (typeof pages === 'boolean' || (Array.isArray(pages) && pages.every(page => PAGES.has(page)))) return
  throw new TypeError(`The option \`pages\` must be true, false or a list of: ${[...PAGES].join(', ')}.`)
}

/** Removes `logLevel` and `logSerializers`, which are not settings. Fastify itself applies them to the routes of the plugin. */
const withoutFastifyOptions = ({
  logLevel: _,
  ...others
}: HostSettings & { readonly logSerializers?: unknown }): HostSettings => {
  const { logSerializers: __, ...settings } = others
  return settings
}
