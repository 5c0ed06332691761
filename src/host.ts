/** Connects a host application with the chat that it registers: publishing, events and revocation. */
import type { FastifyInstance } from 'fastify'
import type { HostUser } from './accounts/host-users.ts'
import { type ChatServiceOptions, chatService } from './app.ts'
import type { CommittedMessage } from './chat/log/publish.ts'
import { isUnavailable } from './db/client/errors.ts'
import { withholdMessage } from './lib/redact.ts'
import { ChatError } from './protocol/errors.ts'
import { type HostPost, hostPost } from './protocol/http/host.ts'
import type { NewRoom, Room } from './protocol/http/rooms.ts'
import { NewRoom as newRoom } from './protocol/http/rooms.ts'
import { compile, sentencesOf, violations } from './protocol/validation.ts'

/** Configures a chat in a host: the options of the service, without those of the registration. */
export type CreateChatOptions = Omit<ChatServiceOptions, 'prefix' | 'onMessage'>

/** Describes a message of the host's code, and its author: a bot or the system is a chat user too, created on first use. */
export interface PostOptions extends HostPost {
  readonly as: Omit<HostUser, 'expiresAt'>
}

/** Called with a message. Its errors are logged, and nothing waits for its promise. */
export type MessageListener = (message: CommittedMessage) => unknown

/** Controls a chat, before and after it is registered. */
export interface EmbeddedChat {
  /** Registers the chat; once only: `app.register(chat.plugin, { prefix: '/support' })`. */
  readonly plugin: (fastify: FastifyInstance, options: { prefix?: string }) => Promise<void>
  /**
   * Publishes a message without calling `authorize` or `beforeMessage`, and without a rate limit; resolves after the commit. With
   * a `nonce`, publishing again returns the first message. Rejects with a ChatError (`room_not_found`, `validation_failed`,
   * `message_too_long`, `nonce_reused`, `busy`, `unavailable`), or with a TypeError for an invalid `as`.
   */
  post(message: PostOptions): Promise<CommittedMessage>
  /** Returns a room, and creates it if it doesn't exist. Rejects with a ChatError if the name is invalid. */
  createRoom(room: NewRoom): Promise<Room>
  /**
   * Calls a listener with each message that this process committed, at most once, after the commit. A process that crashes calls
   * no listener, so read the log for what must not be missed.
   */
  on(event: 'message', listener: MessageListener): void
  off(event: 'message', listener: MessageListener): void
  /** Calls `authorize` again for a user and a room, and ends the subscriptions of a user who may no longer read it, on every process. */
  recheck(userId: string | number, room: string): void
  /** Closes all connections of a user with 4401, on every process. `authenticate` decides whether the user may reconnect. */
  disconnect(userId: string | number): void
}

/**
 * Creates a chat for a host application.
 *
 * ```ts
 * const chat = createChat({ databaseUrl, encryptionKey, authenticate: request => request.session.user })
 * await app.register(chat.plugin, { prefix: '/support' })
 * ```
 */
export const createChat = (options: CreateChatOptions): EmbeddedChat => {
  const listeners = new Set<MessageListener>()
  let instance: FastifyInstance | undefined
  let isRegistered = false

  const running = (): FastifyInstance => {
    if (!instance) {
      throw new ChatError('unavailable', 'The chat is not running yet. Await app.register(chat.plugin) first.')
    }
    if (instance.chatCore.isDraining)
      throw new ChatError('unavailable', 'The chat has stopped, because the application is closing.')
    instance.chatListen()
    return instance
  }

  const plugin = async (fastify: FastifyInstance, { prefix }: { prefix?: string }): Promise<void> => {
    if (isRegistered)
      throw new Error('This chat is already registered. Create another one with createChat for another prefix.')
    isRegistered = true
    const onFault = (err: unknown): void =>
      fastify.log.error({ err: withholdMessage(err) }, 'a listener of the chat failed')
    const onMessage = (message: CommittedMessage): void => {
      // Each in a turn of its own, so that an error can't interrupt the log.
      for (const listener of listeners) Promise.resolve(message).then(listener).catch(onFault)
    }
    await chatService(fastify, { ...options, ...(prefix === undefined ? {} : { prefix }), onMessage })
    instance = fastify
  }

  return {
    plugin,
    post: ({ as, ...message }) =>
      typed(async () => {
        const { chatAuth, chatCore } = running()
        check(isHostPost, message)
        const { id: userId, username, externalId } = await chatAuth.admit(as)
        return chatCore.log.publishAsHost(
          { userId, username, externalId, expiresAt: Number.POSITIVE_INFINITY },
          message
        )
      }),
    createRoom: room =>
      typed(async () => {
        const { chatCore } = running()
        check(isNewRoom, room)
        return chatCore.rooms.ensure(room)
      }),
    on: (_, listener) => void listeners.add(listener),
    off: (_, listener) => void listeners.delete(listener),
    recheck: (userId, room) => running().chatCore.access.recheck(String(userId), room),
    disconnect: userId => running().chatCore.access.disconnect(String(userId))
  }
}

const isHostPost = compile(hostPost)
const isNewRoom = compile(newRoom)

/** Rejects with `unavailable` if the database can't be reached, for example because the application is closing. */
const typed = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ChatError || !isUnavailable(cause)) throw cause
    throw new ChatError('unavailable', 'The database can not be reached. Try again in a moment.', { cause })
  }
}

/** Throws `validation_failed` with every violated rule. */
const check = (validate: ReturnType<typeof compile>, value: unknown): void => {
  if (validate(value)) return
  const errors = violations(validate.errors ?? [])
  throw new ChatError('validation_failed', `The value is not valid. ${sentencesOf(errors)}`, {
    errors
  })
}
