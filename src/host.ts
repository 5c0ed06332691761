/** Creates a chat for a host application. The code of the host can publish messages, receive events and revoke access. */
import type { Static, TSchema } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { ExportRecord } from './accounts/export/records.ts'
import type { HostUser } from './accounts/host-users.ts'
import { type ChatServiceOptions, chatService } from './app.ts'
import type { Principal } from './chat/access/authorize.ts'
import type { HostKinds } from './chat/kinds/host-kind.ts'
import type { CommittedMessage } from './chat/log/committed-message.ts'
import type { CommittedData, CommittedEntry } from './chat/log/host-entry.ts'
import type { HostTransaction } from './db/database.ts'
import { check, typed } from './host-calls.ts'
import { createHostMembers, type HostMembers } from './host-members.ts'
import { withholdMessage } from './lib/redact.ts'
import { ChatError } from './protocol/errors.ts'
import { type HostPost, hostData, hostPost } from './protocol/http/host.ts'
import { HostRoom, type Room } from './protocol/http/rooms.ts'
import { compile } from './protocol/validation.ts'

/** The kinds of a host application that declares none. */
type NoKinds = Record<never, never>

/** The options of a chat in a host application: the options of the service, except those that `createChat` sets itself. */
export interface CreateChatOptions<Kinds extends HostKinds = NoKinds>
  extends Omit<ChatServiceOptions, 'prefix' | 'onMessage' | 'onEntry' | 'kinds'> {
  /**
   * The kinds of entries that the host application defines. Maps the name of each kind to its schema, in TypeBox or JSON
   * Schema. A name must contain a dot, for example `acme.order`. If a process does not define the kind of an entry, it
   * delivers the entry as an unknown entry.
   */
  readonly kinds?: Kinds | undefined
}

/** The author of an entry, and the transaction in which the entry is appended. */
interface AppendOptions {
  /** The author, for example a bot. The chat user of the author is created on first use, even if `transaction` is rolled back. */
  readonly as: Omit<HostUser, 'expiresAt'>
  /**
   * A transaction of postgres.js on the database of the chat: the object that `sql.begin` passes to its function. The entry is
   * stored and delivered only if the transaction commits. The room is locked from the call until the commit, so call the chat
   * last in the transaction. Await each call before the next statement. The result is provisional until the commit.
   */
  readonly transaction?: HostTransaction | undefined
}

/** A message from the code of the host. */
export interface PostOptions extends HostPost, AppendOptions {}

type DataOf<Schema> = Schema extends TSchema ? Static<Schema> : unknown

/** An entry of a kind of the host. `data` is at most 16 KiB as JSON, and is encrypted. The default of `room` is `general`. */
export type DataOptions<Kinds extends HostKinds> = {
  [Name in keyof Kinds & string]: AppendOptions & {
    readonly kind: Name
    readonly data: DataOf<Kinds[Name]>
    readonly room?: string | undefined
    readonly nonce?: string | undefined
  }
}[keyof Kinds & string]

/**
 * A function that is called with each message. If the function throws, or returns a promise that rejects, the chat logs the
 * error. The chat does not wait for the promise.
 */
export type MessageListener = (message: CommittedMessage) => unknown

/** A function that is called with each entry. Its errors and promises are handled like those of a `MessageListener`. */
export type EntryListener<Kinds extends HostKinds = NoKinds> = (entry: CommittedEntry<Kinds>) => unknown

/**
 * A chat in a host application. Until `plugin` is registered, all methods except `on` and `off` fail with a ChatError
 * (`unavailable`).
 */
export interface EmbeddedChat<Kinds extends HostKinds = NoKinds> extends HostMembers {
  /** The Fastify plugin of the chat. Register it once: `app.register(chat.plugin, { prefix: '/support' })`. */
  readonly plugin: (fastify: FastifyInstance, options: { prefix?: string }) => Promise<void>
  /**
   * Publishes a message. Does not call `authorize` or `beforeMessage`, and applies no rate limit. Without `transaction`,
   * resolves after the commit. If a message with the same `nonce` was already published, returns that message. Rejects with a
   * ChatError, for example `room_not_found`, `account_suspended`, `validation_failed`, `message_too_long`, `nonce_reused`, `busy`
   * or `unavailable`, or with a TypeError if `as` is invalid. After a ChatError other than `unavailable`, `transaction` can still
   * be committed.
   */
  post(message: PostOptions): Promise<CommittedMessage>
  /**
   * Appends an entry of a kind of the host, which was declared in the option `kinds`. Resolves and rejects like `post`. Rejects
   * with `validation_failed` if `data` does not match the schema, and with `upgrade_pending` until a rolling upgrade is finished.
   */
  append<Given extends DataOptions<Kinds>>(entry: Given): Promise<CommittedData<Given['kind'], Given['data']>>
  /**
   * Returns a room. Creates the room without members if it doesn't exist. Rejects with a ChatError: `unavailable`,
   * `upgrade_pending`, `validation_failed` if `room` is invalid, or `room_taken` if a room with another `visibility` has the
   * name. Users cannot see a private room before they are added to it. The name of a private room is not secret, because
   * creating a public room with the same name fails.
   */
  createRoom(room: HostRoom): Promise<Room>
  /**
   * Adds a listener, which is called after the commit with each message that this process published. It is called at most once
   * per message, and not at all if the process crashes after the commit. An application that must not miss a message must read
   * the log.
   */
  on(event: 'message', listener: MessageListener): void
  /**
   * Like `message`, but with each entry of any kind: messages, edits, deletions, reactions, pins, changes of rooms and members,
   * and entries of the host's kinds. The entries of a room are in the order of `seq`. An entry that was appended in a transaction
   * is reported after the commit. The erasure of a whole account is not reported.
   */
  on(event: 'entry', listener: EntryListener<Kinds>): void
  off(event: 'message', listener: MessageListener): void
  off(event: 'entry', listener: EntryListener<Kinds>): void
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
export const createChat = <const Kinds extends HostKinds = NoKinds>(
  options: CreateChatOptions<Kinds>
): EmbeddedChat<Kinds> => {
  const listeners = createListeners()
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
    const called = listeners.callOn(fastify)
    await chatService(fastify, { ...options, ...(prefix === undefined ? {} : { prefix }), ...called })
    instance = fastify
  }

  const authorOf = async (as: AppendOptions['as']): Promise<Principal> => {
    const { id: userId, username, externalId, generation } = await running().chatAuth.admit(as)
    return { userId, username, externalId, generation, expiresAt: Number.POSITIVE_INFINITY }
  }

  return {
    plugin,
    post: ({ as, transaction, ...message }) =>
      typed(async () => {
        const { chatCore } = running()
        check(isHostPost, message)
        return chatCore.log.publishAsHost(await authorOf(as), { ...message, transaction })
      }),
    append: ({ as, transaction, data, ...entry }) =>
      typed(async () => {
        const { chatCore, chatListen } = running()
        check(isHostData, entry)
        // `chatListen` reads the finished steps of the rolling upgrade. Before it resolves, the entry would be rejected with
        // `upgrade_pending`.
        await chatListen()
        const appended = await chatCore.log.appendData(await authorOf(as), { ...entry, data, transaction })
        // The cast is safe, because `appendData` has validated `data` with the schema of the kind.
        return appended as CommittedData<never, never>
      }),
    createRoom: room =>
      typed(async () => {
        const { chatCore, chatListen } = running()
        check(isHostRoom, room)
        // `chatListen` reads the finished steps of the rolling upgrade. Before it resolves, a private room would be rejected
        // with `upgrade_pending`.
        await chatListen()
        return chatCore.rooms.ensure(room)
      }),
    ...createHostMembers(running),
    on: listeners.on,
    off: listeners.off,
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
const isHostData = compile(hostData)
const isHostRoom = compile(HostRoom)

/** Creates the collection of the listeners of a chat. */
const createListeners = () => {
  // Allows every listener, because the declarations of `on` and `off` already restrict the listeners of each event.
  type Listener = (value: never) => unknown
  const of = { message: new Set<Listener>(), entry: new Set<Listener>() }
  const change = (method: 'add' | 'delete') => (event: keyof typeof of, listener: Listener) =>
    void of[event][method](listener)
  return {
    on: change('add'),
    off: change('delete'),
    /** Returns the functions that call the listeners of an event. Errors of listeners are logged. */
    callOn({ log }: FastifyInstance): Pick<ChatServiceOptions, 'onMessage' | 'onEntry'> {
      const call = (event: keyof typeof of, create: () => unknown): void => {
        if (of[event].size === 0) return
        const onFault = (err: unknown): void =>
          log.error(
            { err: withholdMessage(err) },
            `a listener that was added with chat.on("${event}") failed; the ${event} was published`
          )
        const value = Promise.resolve(create() as never)
        // Calls the listeners asynchronously, so that an error of a listener cannot interrupt the publishing of messages.
        for (const listener of of[event]) value.then(listener).catch(onFault)
      }
      return { onMessage: message => call('message', () => message), onEntry: entry => call('entry', entry) }
    }
  }
}
