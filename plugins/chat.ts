/** Builds the chat on the database, the keyring and auth, and takes it down in order; decorates `chat`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Bus } from '../src/bus/bus.ts'
import { createMemoryBus } from '../src/bus/memory.ts'
import { createPostgresBus } from '../src/bus/postgres.ts'
import { type Chat, type ChatOptions, createChat } from '../src/chat/chat.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import { isConnectionError } from '../src/db/client.ts'
import { GENERAL } from '../src/schemas/messages.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chat: Chat
  }
}

/** Options of the chat plugin: PROTOCOL's limits, 0 for none. */
export interface ChatPluginOptions {
  readonly messageRateLimit: number
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  readonly maxMessageLength: number
  /** A ready bus instead of the database's own; the chat leaves it when it stops. */
  readonly bus?: Bus
  readonly clock?: Clock
  readonly writer?: ChatOptions['writer']
}

/** Registered before `@fastify/websocket`, so that our goodbye (1012) comes before its own (no code). */
export default fp(
  async function chatCore(fastify: FastifyInstance, options: ChatPluginOptions) {
    const { messageRateLimit, connectionsPerUser, connectionsPerIp, maxMessageLength } = options
    const bus = options.bus ?? busOf(fastify)
    const chat = createChat({
      bus,
      rooms: fastify.chatDb.rooms,
      messages: fastify.chatDb.messages,
      keyring: fastify.chatCrypto,
      clock: options.clock ?? systemClock,
      log: fastify.log,
      authenticate: token => fastify.chatAuth.authenticate(token),
      isConnectionError,
      messageRate: messageRateLimit,
      connectionsPerUser,
      connectionsPerIp,
      maxMessageLength,
      ...(options.writer ? { writer: options.writer } : {})
    })
    fastify.decorate('chat', chat)
    fastify.addHook('onReady', () => chat.start())
    fastify.addHook('preClose', () => chat.drain())
  },
  { name: 'chat-core', fastify: '5.x', dependencies: ['chat-db', 'chat-crypto', 'chat-auth'] }
)

export { restItems } from '../src/chat/entries.ts'
// For routes, which write lists of entries: they see nothing of src/chat but through this plugin.
export type { LogPart } from '../src/chat/reading.ts'

/** PostgreSQL carries the news between processes; the embedded database has only one. */
const busOf = ({ chatDb, log }: FastifyInstance): Bus => {
  const { notifications } = chatDb.client
  if (!notifications) return createMemoryBus()
  return createPostgresBus({
    database: notifications,
    // The first room's epoch tells a database from its own copy.
    instance: async () => [chatDb.schema, (await chatDb.rooms.findByName(GENERAL))?.epoch ?? ''],
    onFailure: err => log.warn({ err }, 'other processes could not be notified; they look by themselves')
  })
}
