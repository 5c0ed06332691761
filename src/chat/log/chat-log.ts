/** Reads the logs of rooms and appends entries to them, for the HTTP routes and the host application. */
import type { HostTransaction, ReactionRow, ReactionsRepository } from '../../db/database.ts'
import { ChatError } from '../../protocol/errors.ts'
import { GENERAL } from '../../protocol/http/messages.ts'
import { type Principal, publicUserOf } from '../access/authorize.ts'
import type { CurrentUsers } from '../access/current-users.ts'
import { type FindRoom, noSuchRoom, type RoomAccess } from '../access/room-access.ts'
import { plainData } from '../kinds/host-kind.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Command } from '../kinds/kind.ts'
import { message } from '../kinds/message.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import type { Position, PublishResult } from './append-draft.ts'
import type { AppendQueue } from './append-queue.ts'
import { type CommittedMessage, committedMessage, type Post } from './committed-message.ts'
import type { Entry } from './entry.ts'
import type { CommittedData } from './host-entry.ts'
import type { PublishedBy, Publisher, Submission } from './publish.ts'
import type { ReadLimit } from './read-limit.ts'
import type { LogPart, LogReader, PinPart, PinQuery, Range } from './reader.ts'
import { refusalOf } from './refusals.ts'

/**
 * A published entry. `isNew` is false if the entry had to be read from the log, in most cases because nothing was appended. See
 * `PublishResult`.
 */
export interface Published {
  readonly entry: Entry
  readonly isNew: boolean
}

/**
 * Reads the logs of rooms and appends entries to them. A method that looks up a room by name fails with `room_not_found` if the
 * room doesn't exist, or if the principal may not perform the action in the room. It fails with `banned` if the principal is
 * banned from a public room. `appendAsHost`, `publishAsHost` and `appendData` don't check what the principal may do.
 */
export interface ChatLog {
  /** The kinds of entries that this process supports. */
  readonly kinds: Kinds
  /** Limits reads over HTTP. The hook `limitReads` of the routes calls `enter` before each read. */
  readonly readLimit: Pick<ReadLimit, 'enter'>
  /** Returns a part of a room's log. Synchronous if the part is cached and the access checks are synchronous. */
  read(principal: Principal, room: string, range: Range): LogPart | Promise<LogPart>
  /** Returns a message as JSON. See `LogReader.message`. Rejects with `message_not_found` if there is no such message. */
  message(principal: Principal, room: string, seq: number): Promise<Buffer>
  /** Returns the pinned messages of a room, the newest pin first. */
  pins(principal: Principal, room: string, query: PinQuery): Promise<PinPart>
  /**
   * Returns the reactions with one key to a message, in the order in which they were added. Starts after the entry `after`, and
   * returns at most `limit` reactions. Rejects with `message_not_found` if there is no such message.
   */
  reactions(principal: Principal, room: string, query: ReactionQuery): Promise<ReactionRow[]>
  /** Appends an entry. Resolves after the commit. Rejects with the ChatError that an `error` frame would contain. */
  append(principal: Principal, room: string, submission: Submission): Promise<Published>
  /** Like `append`, in a room that the caller has found. Neither checks the access nor counts against the rate limit. */
  appendIn(principal: Principal, room: Room, submission: Submission): Promise<Published>
  /**
   * Appends an entry for the host application, without a rate limit and without calling `authorize`. Resolves with the position
   * of the entry, or of the earlier entry with the same effect.
   */
  appendAsHost(principal: Principal, room: string, submission: Submission): Promise<Position>
  /** Appends a message. Resolves and rejects like `append`. */
  publish(principal: Principal, room: string, post: Post): Promise<Published>
  /**
   * Appends a message for the host application, without a rate limit and without calling `authorize` or `beforeMessage`. With
   * `transaction`, appends it in a transaction of the host application, and the result is provisional until the commit.
   */
  publishAsHost(principal: Principal, post: HostPost): Promise<CommittedMessage>
  /**
   * Like `publishAsHost`, with an entry of a kind of the host application. Rejects with `validation_failed` if the kind is not
   * declared or the data is not valid.
   */
  appendData(principal: Principal, entry: HostData): Promise<CommittedData<string, unknown>>
  /** Resolves when every entry in the append queue has been committed or rejected. */
  idle(): Promise<void>
}

/** The room and the transaction in which the host application appends an entry. The default of `room` is `general`. */
interface HostAppend {
  readonly room?: string | undefined
  readonly transaction?: HostTransaction | undefined
}

export type HostPost = Post & HostAppend

/** An entry of a kind of the host application. */
export interface HostData extends HostAppend {
  readonly kind: string
  readonly data?: unknown
  readonly nonce?: string | undefined
}

export interface ReactionQuery {
  readonly seq: number
  readonly key: string
  readonly after: number
  readonly limit: number
}

export interface ChatLogOptions {
  readonly reactions: ReactionsRepository['page']
  readonly kinds: Kinds
  readonly rooms: RoomRegistry
  readonly reader: LogReader
  readonly readLimit: ReadLimit
  readonly appendQueue: AppendQueue
  readonly publisher: Publisher
  readonly users: CurrentUsers
  readonly findRoom: FindRoom
  readonly readIn: RoomAccess['readIn']
}

export const createChatLog = (options: ChatLogOptions): ChatLog => {
  const { kinds, rooms, reader, reactions, readLimit, appendQueue, publisher, users, findRoom, readIn } = options

  const publishIn = (principal: Principal, room: Room, submission: Submission, by: PublishedBy): Promise<Appended> =>
    new Promise((resolve, reject) => {
      const published = (outcome: PublishResult) => ('error' in outcome ? reject(outcome.error) : resolve(outcome))
      // `post` may throw synchronously. It is called in `then`, which converts the error to a rejection.
      Promise.resolve()
        .then(() => publisher.post(principal, room, submission, published, by))
        .catch(reject)
    })

  const appendIn: ChatLog['appendIn'] = async (principal, room, submission) => {
    const { position, entry } = await publishIn(principal, room, submission, 'person')
    if (entry) return { entry, isNew: true }
    const stored = await reader.entry(room, position.seq)
    if (!stored) throw refusalOf('message_not_found')
    return { entry: stored, isNew: false }
  }

  const append: ChatLog['append'] = async (principal, name, submission) => {
    publisher.admit(principal.userId)
    return appendIn(principal, await findRoom(principal, name, submission.kind.action), submission)
  }

  const appendAsHost: ChatLog['appendAsHost'] = async (principal, name, submission) => {
    const room = await rooms.load(name)
    if (!room) throw noSuchRoom()
    const { position } = await publishIn(principal, room, submission, 'host')
    return position
  }

  return {
    kinds,
    readLimit,
    read: (principal, name, range) =>
      readIn(principal, name, (room, ensureMember) => reader.part(room, range, principal.userId, ensureMember)),
    async message(principal, name, seq) {
      const json = await readIn(principal, name, room => reader.message(room, seq, principal.userId))
      if (!json) throw refusalOf('message_not_found')
      return json
    },
    pins: async (principal, name, query) =>
      readIn(principal, name, (room, ensureMember) => reader.pins(room, query, principal.userId, ensureMember)),
    reactions: async (principal, name, { seq, key, after, limit }) =>
      readIn(principal, name, async room => {
        const entry = seq < room.oldest ? undefined : await reader.entry(room, seq)
        if (!entry?.isMessage) throw refusalOf('message_not_found')
        // The text may have been erased without a deletion, for example with all entries of its author. The reactions are then
        // still stored, but are not returned.
        if (entry.unavailable === 'erased') return []
        return reader.limited(() => reactions(room.id, seq, key, after, limit))
      }),
    append,
    appendIn,
    appendAsHost,
    publish: (principal, name, post) => append(principal, name, submissionOf(post)),
    async publishAsHost(principal, { room: name = GENERAL, transaction, ...post }) {
      const position = await appendAsHost(principal, name, { ...submissionOf(post), transaction })
      return committedMessage({ ...post, room: { name } }, publicUserOf(users.named(principal)), position)
    },
    async appendData(principal, { kind: name, room = GENERAL, transaction, data: given, nonce }) {
      const kind = kinds.of(name)
      if (!kind?.isOfHost) throw noSuchKind(name)
      const command: Command & { data: unknown } = { data: plainData(given), nonce }
      const { id, seq, createdAt } = await appendAsHost(principal, room, { kind, command, transaction })
      const user = publicUserOf(users.named(principal))
      const place = { id, room, seq, user, ...(nonce === undefined ? {} : { nonce }), createdAt: new Date(createdAt) }
      return { type: name, ...place, data: command.data }
    },
    idle: () => appendQueue.idle()
  }
}

type Appended = Exclude<PublishResult, { readonly error: unknown }>

const noSuchKind = (name: string): ChatError =>
  new ChatError('validation_failed', `There is no kind "${name}". Declare it in the option \`kinds\` of createChat.`)

const submissionOf = (post: Post): Submission => {
  const command: Command & Post = post
  return { kind: message, command }
}
