/** What a host application holds of the chat that it registers: posting, events, taking rights back. */
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

/** Options of a chat in a host: the service's, without what belongs to the registration. */
export type CreateChatOptions = Omit<ChatServiceOptions, 'prefix' | 'onMessage'>

/** What the host's code posts, and as whom: a bot or the system gets a chat user like everybody, at first sight. */
export interface PostOptions extends HostPost {
  readonly as: Omit<HostUser, 'expiresAt'>
}

/** Told of a message. What it throws is logged; nobody waits for it. */
export type MessageListener = (message: CommittedMessage) => unknown

/** A chat, before and after it is registered. */
export interface EmbeddedChat {
  /** To be registered once: `app.register(chat.plugin, { prefix: '/support' })`. */
  readonly plugin: (fastify: FastifyInstance, options: { prefix?: string }) => Promise<void>
  /**
   * Posts without asking `authorize` or `beforeMessage`, and beside the rate limit; resolves after the commit. With a
   * `nonce`, posting again answers the first one's message. Rejects with a ChatError (`room_not_found`,
   * `validation_failed`, `message_too_long`, `nonce_reused`, `busy`, `unavailable`), or a TypeError for a bad `as`.
   */
  post(message: PostOptions): Promise<CommittedMessage>
  /** The room, made now unless it is there. Rejects with a ChatError when its name is not one. */
  createRoom(room: NewRoom): Promise<Room>
  /**
   * Tells of each message that this process committed, at most once, after the commit: a process that dies tells nobody,
   * so what must not be missed is read from the log.
   */
  on(event: 'message', listener: MessageListener): void
  off(event: 'message', listener: MessageListener): void
  /** Asks `authorize` again whether a person may read a room; who may not, stops following it, on every process. */
  recheck(personId: string | number, room: string): void
  /** Closes all of a person's connections with 4401, on every process. Whether they may come back, `authenticate` says. */
  disconnect(personId: string | number): void
}

/**
 * Makes a chat for a host application.
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
      throw new ChatError(
        'unavailable',
        'The chat does not run yet. Register chat.plugin, and await app.ready() first.'
      )
    }
    if (instance.chatCore.isDraining)
      throw new ChatError('unavailable', 'The chat has stopped: the application closes.')
    instance.chatListen()
    return instance
  }

  const plugin = async (fastify: FastifyInstance, { prefix }: { prefix?: string }): Promise<void> => {
    if (isRegistered)
      throw new Error('This chat is registered already. Make another one with createChat for another prefix.')
    isRegistered = true
    const onFault = (err: unknown): void =>
      fastify.log.error({ err: withholdMessage(err) }, 'a listener of the chat failed')
    const onMessage = (message: CommittedMessage): void => {
      // Each in a turn of its own, so that none throws into the log's way.
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
        return chatCore.log.publishAsHost({ userId, username, externalId }, message)
      }),
    createRoom: room =>
      typed(async () => {
        const { chatCore } = running()
        check(isNewRoom, room)
        return chatCore.rooms.ensure(room)
      }),
    on: (_, listener) => void listeners.add(listener),
    off: (_, listener) => void listeners.delete(listener),
    recheck: (personId, room) => running().chatCore.access.recheck(String(personId), room),
    disconnect: personId => running().chatCore.access.disconnect(String(personId))
  }
}

const isHostPost = compile(hostPost)
const isNewRoom = compile(newRoom)

/** Rejects with `unavailable` where the database can't be reached, also since the application closes meanwhile. */
const typed = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ChatError || !isUnavailable(cause)) throw cause
    throw new ChatError('unavailable', 'The database can not be reached. Try again in a moment.', { cause })
  }
}

/** Throws `validation_failed`, with every violated rule. */
const check = (validate: ReturnType<typeof compile>, value: unknown): void => {
  if (validate(value)) return
  const errors = violations(validate.errors ?? [])
  throw new ChatError('validation_failed', `The chat was given something that is not valid. ${sentencesOf(errors)}`, {
    errors
  })
}
