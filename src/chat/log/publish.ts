/**
 * Checks, encrypts and commits entries. After the commit of an entry, notifies first the sender and then the subscribers.
 */
import type { Bus } from '../../bus/bus.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import { MESSAGE } from '../../protocol/http/messages.ts'
import { type Access, type Principal, type PublicUser, publicUserOf } from '../access/authorize.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { Body, Command, Kind } from '../kinds/kind.ts'
import type { Room } from '../rooms/room.ts'
import type { AppendQueue } from './append-queue.ts'
import { type Draft, encryptEntry, entryOf, isSameEntry } from './codec.ts'
import type { Entry } from './entry.ts'
import { refusalOf } from './refusals.ts'

/** A version that no room ever has. An entry with this version is read from the database before it is delivered. */
const OUTDATED = -1

/** A message as its sender provides it. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** An entry as its sender provides it. */
export interface Submission {
  readonly kind: Kind
  readonly command: Command
}

/**
 * The result of `post`: the stored entry, or the error. `isReplay` is true if the entry was already stored with the same nonce.
 */
export type PublishResult = { readonly error: ChatError } | { readonly entry: Entry; readonly isReplay: boolean }

/**
 * Who publishes: a user (`person`) or the host application (`host`). `beforeMessage` is called only for the messages of users.
 */
export type PublishedBy = 'person' | 'host'

/** A committed message in the form that host applications receive. */
export interface CommittedMessage {
  readonly id: number
  readonly room: string
  readonly seq: number
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown>
  readonly nonce?: string
  readonly createdAt: Date
}

export interface PublisherOptions {
  readonly appendQueue: AppendQueue
  readonly keyring: Keyring
  readonly registry: ConnectionRegistry
  readonly bus: Bus
  readonly access: Access
  readonly log: Log
  /** Maximum number of messages per second per user, for the text of the error. The connection registry applies the limit. */
  readonly messageRate: number
  readonly maxMessageLength: number
  readonly isDraining: () => boolean
  /** See `ChatOptions.isUpgradeFinished`. */
  readonly isUpgradeFinished?: (() => boolean) | undefined
  /**
   * Returns the principal with the user's current name. Throws `unavailable` if the user was deleted after the principal was
   * looked up.
   */
  readonly author: (principal: Principal) => Principal
  /** Like `author`, but does not throw for a deleted user, who keeps the last known name. */
  readonly named: (principal: Principal) => Principal
  /** Called at most once for each message that this process commits. Must not throw. */
  readonly onMessage?: ((message: CommittedMessage) => void) | undefined
}

export interface Publisher {
  /**
   * Counts an entry against the user's message rate limit. Throws `rate_limited` if the limit is exceeded. Called before the
   * room of the entry is looked up.
   */
  admit(userId: number): void
  /**
   * Publishes an entry. If the entry is rejected before the append, throws a ChatError, or rejects with a ChatError if
   * `beforeMessage` was called. Otherwise calls `posted` once with the result of the append, before the subscribers receive the
   * entry.
   */
  post(
    principal: Principal,
    room: Room,
    submission: Submission,
    posted: (outcome: PublishResult) => void,
    by: PublishedBy
  ): void | Promise<void>
}

export const createPublisher = ({
  appendQueue,
  keyring,
  registry,
  bus,
  access,
  log,
  ...options
}: PublisherOptions): Publisher => {
  const {
    messageRate,
    maxMessageLength,
    isDraining,
    isUpgradeFinished = () => true,
    author,
    named,
    onMessage
  } = options

  const prepare = ({ kind, command }: Submission): Body => kind.prepare(command, { maxMessageLength })

  /**
   * Prepares a message that `beforeMessage` has edited. Throws `unavailable` if the edited message is not valid, because the
   * fault is the host's and not the sender's.
   */
  const prepareEdit = (edited: Submission): Body => {
    try {
      return prepare(edited)
    } catch (cause) {
      log.error({ err: cause }, 'beforeMessage returned a message that cannot be stored; the message was rejected')
      throw new ChatError('unavailable', 'The message cannot be stored right now. Send it again later.', { cause })
    }
  }

  const refuseWhileDraining = (): void => {
    if (isDraining())
      throw new ChatError('unavailable', 'The service is restarting. Send the message again in a moment.')
  }

  /**
   * Throws `upgrade_pending` if entries of this kind are not accepted yet. The database checks this again while it holds the
   * lock of the room.
   */
  const refuseBeforeUpgrade = ({ kind }: Kind): void => {
    if (kind !== MESSAGE && !isUpgradeFinished()) throw refusalOf('upgrade_pending')
  }

  const admit = (userId: number): void => {
    const retryAfterMs = registry.takeMessage(userId)
    if (retryAfterMs === 0) return
    const detail = `You sent more than ${messageRate} messages per second. Wait before you send the next one.`
    throw new ChatError('rate_limited', detail, { retryAfterMs })
  }

  const append = (given: Draft, room: Room, principal: Principal, posted: (outcome: PublishResult) => void): void => {
    refuseWhileDraining()
    const { version } = room
    const { username } = author(principal)
    const draft = username === given.username ? given : { ...given, username }
    appendQueue.append(encryptEntry(draft, keyring), outcome => {
      room.appendEnded()
      if ('error' in outcome) return posted(outcome)
      const { appended } = outcome
      if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) return posted({ error: nonceReused() })
      const entry = entryOf(draft, appended)
      posted({ entry, isReplay: appended.replayed })
      // A replay is announced too, because the first attempt may have been committed without being announced. The entry of a
      // replay is read from the database, because it may have been erased since the first attempt.
      if (room.committed(entry, appended.replayed ? OUTDATED : version)) bus.announce(room.id, entry.seq)
      const { content, kind } = draft
      if (onMessage && !appended.replayed && kind.kind === MESSAGE && content !== null)
        onMessage(committedMessage({ ...draft, content, meta: metaOf(draft) }, publicUserOf(named(principal)), entry))
    })
    // `appendStarted` is called after `append`, because `append` throws if the queue is full. The callback above, which calls
    // `appendEnded`, is never called synchronously.
    room.appendStarted()
  }

  const post: Publisher['post'] = (principal, room, submission, posted, by) => {
    const { kind, command } = submission
    const { userId, username } = principal
    const { nonce } = command
    // Lists the fields, because spreading objects takes several times as long.
    const draftOf = ({ content, meta, target = null, detail = null }: Body): Draft => ({
      kind,
      room,
      userId,
      username,
      nonce,
      content,
      meta,
      target,
      detail
    })
    const own = prepare(submission)
    refuseWhileDraining()
    refuseBeforeUpgrade(kind)
    if (by === 'host' || !access.edit || !kind.isEditable) return append(draftOf(own), room, principal, posted)
    const draft = {
      room: room.name,
      user: publicUserOf(named(principal)),
      content: own.content ?? '',
      meta: metaOf(own),
      nonce
    }
    return access.edit(draft).then(({ content, meta }) => {
      const edited = { kind, command: { ...command, content, meta } }
      append(draftOf(prepareEdit(edited)), room, principal, posted)
    })
  }

  return { admit, post }
}

const metaOf = ({ meta }: Body): Post['meta'] => (meta === null ? undefined : JSON.parse(meta))

export const committedMessage = (
  { room, content, meta, nonce }: Post & { readonly room: { readonly name: string } },
  user: PublicUser,
  { id, seq, createdAt }: Pick<Entry, 'id' | 'seq' | 'createdAt'>
): CommittedMessage => ({
  id,
  room: room.name,
  seq,
  user,
  content,
  ...(meta === undefined ? {} : { meta }),
  ...(nonce === undefined ? {} : { nonce }),
  createdAt: new Date(createdAt)
})

const nonceReused = (): ChatError =>
  new ChatError('nonce_reused', 'This nonce was used for another message in this room. Use a new nonce.')
