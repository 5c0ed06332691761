/** Creates a chat for a host application. The code of the host can publish messages, receive events and revoke access. */
import type { FastifyInstance } from 'fastify'
import type { ExportRecord } from './accounts/export/records.ts'
import type { HostUser } from './accounts/host-users.ts'
import { type ChatServiceOptions, chatService } from './app.ts'
import type { CommittedMessage } from './chat/log/committed-message.ts'
import { check, typed } from './host-calls.ts'
import { createHostMembers, type HostMembers } from './host-members.ts'
import { withholdMessage } from './lib/redact.ts'
import { ChatError } from './protocol/errors.ts'
import { type HostPost, hostPost } from './protocol/http/host.ts'
import { HostRoom, type Room } from './protocol/http/rooms.ts'
import { compile } from './protocol/validation.ts'

/** The options of a chat in a host application: the options of the service, except those that `createChat` sets itself. */
export type CreateChatOptions = Omit<ChatServiceOptions, 'prefix' | 'onMessage'>

/**
 * A message from the code of the host. `as` is the author, for example a bot. The chat user of the author is created on first
 * use.
 */
export interface PostOptions extends HostPost {
  readonly as: Omit<HostUser, 'expiresAt'>
}

/**
 * A function that is called with each message. If the function throws, or returns a promise that rejects, the chat logs the
 * error. The chat does not wait for the promise.
 */
export type MessageListener = (message: CommittedMessage) => unknown

/**
 * A chat in a host application. Until `plugin` is registered, all methods except `on` and `off` fail with a ChatError
 * (`unavailable`).
 */
export interface EmbeddedChat extends HostMembers {
  /** The Fastify plugin of the chat. Register it once: `app.register(chat.plugin, { prefix: '/support' })`. */
  readonly plugin: (fastify: FastifyInstance, options: { prefix?: string }) => Promise<void>
  /**
   * Publishes a message. Does not call `authorize` or `beforeMessage`, and applies no rate limit. Resolves after the commit. If
   * a message with the same `nonce` was already published, returns that message. Rejects with a ChatError (`room_not_found`,
   * `validation_failed`, `message_too_long`, `nonce_reused`, `busy`, `unavailable`), or with a TypeError if `as` is invalid.
   */
  post(message: PostOptions): Promise<CommittedMessage>
  /**
   * Returns a room. Creates the room without members if it doesn't exist. Rejects with a ChatError: `validation_failed` if `room`
   * is invalid, `room_taken` if a room with another `visibility` has the name, `upgrade_pending`, or `unavailable`. Users cannot see a private room before they are added to it. But a user
   * who wants to create a public room with its name learns that the name is taken.
   */
  createRoom(room: HostRoom): Promise<Room>
  /**
   * Adds a listener, which is called after the commit with each message that this process published. It is called at most once
   * per message, and not at all if the process crashes after the commit. An application that must not miss a message must read
   * the log.
   */
  on(event: 'message', listener: MessageListener): void
  off(event: 'message', listener: MessageListener): void
  /**
   * Calls `authorize` again for a user and a room, on every process. If the user may no longer read the room, ends the user's
   * subscriptions to it.
   */
  recheck(userId: string | number, room: string): void
  /**
   * Closes all connections of a user with the code 4401, on every process. `authenticate` decides whether the user may
   * reconnect.
   */
  disconnect(userId: string | number): void
  /**
   * Closes all connections of a user with the code 4403, on every process, and rejects the user's requests with
   * `account_suspended` until `restore` is called. Resolves with false if nobody with this id has used the chat, or if the
   * account was deleted.
   */
  suspend(userId: string | number): Promise<boolean>
  /** Restores a suspended user. Resolves like `suspend`. */
  restore(userId: string | number): Promise<boolean>
  /**
   * Deletes the account of a user: closes all connections with the code 4401, and from then on rejects requests with
   * `account_deleted`. The messages stay under the name `deleted user <id>`. If `erase` is true, or if the setting `onDelete`
   * is `erase`, the messages are erased in the background. Cannot be undone. Resolves like `suspend`.
   */
  deleteUser(userId: string | number, options?: { readonly erase?: boolean }): Promise<boolean>
  /**
   * Returns all stored data of a user as records. Reads further records only when the loop requests them. The last record has
   * the type `end`. Throws `user_not_found` if nobody with this id has used the chat.
   */
  exportUser(userId: string | number): AsyncIterable<ExportRecord>
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
    void instance.chatListen()
    return instance
  }

  const plugin = async (fastify: FastifyInstance, { prefix }: { prefix?: string }): Promise<void> => {
    if (isRegistered)
      throw new Error(
        'This chat is already registered. To register a chat under another prefix, create another chat with createChat.'
      )
    isRegistered = true
    const onFault = (err: unknown): void =>
      fastify.log.error(
        { err: withholdMessage(err) },
        'a listener that was added with chat.on("message") failed; the message was published'
      )
    const onMessage = (message: CommittedMessage): void => {
      // Calls the listeners asynchronously, so that an error of a listener cannot interrupt the publishing of messages.
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
        const { id: userId, username, externalId, generation } = await chatAuth.admit(as)
        return chatCore.log.publishAsHost(
          { userId, username, externalId, generation, expiresAt: Number.POSITIVE_INFINITY },
          message
        )
      }),
    createRoom: room =>
      typed(async () => {
        const { chatCore, chatListen } = running()
        check(isHostRoom, room)
        // Before that, a private room would be refused as during an upgrade.
        await chatListen()
        return chatCore.rooms.ensure(room)
      }),
    ...createHostMembers(running),
    on: (_, listener) => void listeners.add(listener),
    off: (_, listener) => void listeners.delete(listener),
    recheck: (userId, room) => running().chatCore.access.recheck(String(userId), room),
    disconnect: userId => running().chatCore.access.disconnect(String(userId)),
    suspend: userId => typed(async () => running().chatPrivacy.hostAccounts.suspend(String(userId))),
    restore: userId => typed(async () => running().chatPrivacy.hostAccounts.restore(String(userId))),
    deleteUser: (userId, { erase } = {}) =>
      typed(async () => running().chatPrivacy.hostAccounts.delete(String(userId), erase)),
    exportUser: userId => running().chatPrivacy.hostAccounts.export(String(userId))
  }
}

const isHostPost = compile(hostPost)
const isHostRoom = compile(HostRoom)
