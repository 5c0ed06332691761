/** The service as ONE Fastify plugin: the order in which it is put together, readable top to bottom. */
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
import appRoutes from '../routes/app.ts'
import authRoutes from '../routes/auth.ts'
import docsRoutes from '../routes/docs.ts'
import entranceRoute from '../routes/entrance.ts'
import entryRoutes from '../routes/entries.ts'
import healthRoutes from '../routes/health.ts'
import messageRoutes from '../routes/messages.ts'
import roomRoutes from '../routes/rooms.ts'
import socketRoute from '../routes/socket.ts'
import userRoutes from '../routes/users.ts'
import type { Bus } from './bus/bus.ts'
import type { Authorize, BeforeMessage } from './chat/access/authorize.ts'
import type { ChatOptions, HostFunctions } from './chat/options.ts'
import type { Need, Resolved } from './config/resolve.ts'
import { separateSchemas } from './http/schema-bucket.ts'
import { serializeResponses } from './http/serialize-responses.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { redactingLogger, serializers } from './lib/logging.ts'

/** What a service of its own has beside the API, and a host application as a rule has itself. */
export type Page = 'entrance' | 'health' | 'documents' | 'app'

/**
 * Options of the service: PROTOCOL's settings in camelCase beside these. With any setting given, the environment is not
 * read; with none, it and `.env` are.
 */
export interface ChatServiceOptions extends HostSettings {
  /** Fastify's own: where the routes are mounted. */
  readonly prefix?: string
  /**
   * What is mounted beside the API: `/`, the health routes, the documents, the page at `/app`; `true` for all. Nothing, as a
   * rule. The page is for our own accounts: with `authenticate`, or with `webClient: false`, it is left out.
   */
  readonly pages?: boolean | readonly Page[]
  /** A ready database client (postgres.js, PGlite) instead of `databaseUrl`; it is left open. */
  readonly client?: DatabaseHandle | undefined
  /** Says who is calling: then the users are the host's, and there is no registering or logging in here. */
  readonly authenticate?: Authenticate | undefined
  /** Decides who may read, post or create a room; without it, everyone who is logged in may. */
  readonly authorize?: Authorize | undefined
  /** Edits or refuses a message before it is sealed. */
  readonly beforeMessage?: BeforeMessage | undefined
  /** The `security` of our routes in the host's own OpenAPI document, e.g. `[{ cookieAuth: [] }]`. */
  readonly documentSecurity?: readonly { readonly [scheme: string]: string[] }[] | undefined
  /** Told of each message that this process committed, at most once; must not throw. */
  readonly onMessage?: HostFunctions['onMessage']
  /** Settings that are resolved already, in place of any above: the process needs some before it makes its server. */
  readonly resolved?: Resolved | undefined
  readonly clock?: Clock | undefined
  /** A ready bus between processes instead of the database's own. */
  readonly bus?: Bus | undefined
  /** For tests: other bounds for the writer. */
  readonly appendQueue?: ChatOptions['appendQueue']
  /** For tests: other kinds of entries than those of this release. */
  readonly kinds?: ChatPluginOptions['kinds']
}

/** Not wrapped with fastify-plugin, so that nothing of it leaks into the instance it is registered on. */
export const chatService = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  try {
    await assemble(fastify, options)
  } catch (error) {
    // Fastify closes nothing after a failed start: the embedded database's folder would stay locked.
    if (!options.client && fastify.hasDecorator('chatDb')) await fastify.chatDb.client.close()
    throw error
  }
}

const assemble = async (fastify: FastifyInstance, options: ChatServiceOptions): Promise<void> => {
  const { prefix: _, pages = false, resolved, client, clock = systemClock, bus, appendQueue, kinds, ...more } = options
  const { authenticate, authorize, beforeMessage, onMessage, documentSecurity, ...others } = more
  const settings = withoutFastifys(others)
  checkPages(pages)
  // Before any route: a query string may hold a token, and must not reach a log line.
  fastify.log = redactingLogger(fastify.log)
  fastify.setChildLoggerFactory((logger, bindings, given) =>
    redactingLogger(logger.child(bindings, { ...given, serializers }))
  )

  separateSchemas(fastify, validatorCompiler)
  if (!fastify.hasPlugin('chat-responses')) await fastify.register(responsesPlugin, { clock })
  fastify.addHook('onRoute', serializeResponses)
  // After a host application's hooks, whose caching must not keep what was meant for one person (RFC 9111, 5.2.2.5).
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
  // Only the process itself resolves its settings, and there is no host application in it.
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

  // Only what each needs: Fastify takes some names, such as logLevel, for options of its own.
  await fastify.register(authRoutes, { registerRateLimit, loginRateLimit })
  await fastify.register(userRoutes)
  await fastify.register(messageRoutes)
  await fastify.register(roomRoutes)
  await fastify.register(entryRoutes)
  await fastify.register(socketRoute, { corsOrigins, publicUrl })
  if (mounts('health')) await fastify.register(healthRoutes)
  const hasApp = mounts('app') && config.webClient && !authenticate
  if (mounts('entrance')) await fastify.register(entranceRoute, { hasApp })
  if (mounts('documents')) await fastify.register(docsRoutes, { publicUrl })
  if (hasApp) await fastify.register(appRoutes)
}

const PAGES: ReadonlySet<unknown> = new Set<Page>(['entrance', 'health', 'documents', 'app'])

/** Throws a TypeError for anything but pages. */
const checkPages = (pages: unknown): void => {
  if (typeof pages === 'boolean' || (Array.isArray(pages) && pages.every(page => PAGES.has(page)))) return
  throw new TypeError(`The option \`pages\` must be true, false or a list of: ${[...PAGES].join(', ')}.`)
}

/** Fastify's own options of a registration: it has applied them to our routes already, as to any plugin's. */
const withoutFastifys = ({
  logLevel: _,
  ...others
}: HostSettings & { readonly logSerializers?: unknown }): HostSettings => {
  const { logSerializers: __, ...settings } = others
  return settings
}
