/** Builds the chat on the database, the keyring and auth, and takes it down in order; decorates `chat`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type Chat, type ChatOptions, createChat } from '../src/chat/chat.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import { isConnectionError } from '../src/db/client.ts'

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
  readonly clock?: Clock
  readonly writer?: ChatOptions['writer']
}

/** Registered before `@fastify/websocket`, so that our goodbye (1012) comes before its own (no code). */
export default fp(
  async function chatCore(fastify: FastifyInstance, options: ChatPluginOptions) {
    const { messageRateLimit, connectionsPerUser, connectionsPerIp, maxMessageLength } = options
    const chat = createChat({
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
    fastify.addHook('preClose', () => chat.drain())
  },
  { name: 'chat-core', fastify: '5.x', dependencies: ['chat-db', 'chat-crypto', 'chat-auth'] }
)
