/** Publishes entries: checks, encrypts and commits them, and then notifies first the sender and then everybody else. */
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
import { type Draft, type Entry, encryptEntry, entryOf, isSameEntry } from './codec.ts'
import { refusalOf } from './refusals.ts'

/** Replaces a room's version to read the entry from the database. */
const OUTDATED = -1

/** Describes a message as its sender provides it. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** Describes an entry as its sender provides it. */
export interface Submission {
  readonly kind: Kind
  readonly command: Command
}

/** Holds the entry of a post, and whether it was stored before; or the error. */
export type PublishResult = { readonly error: ChatError } | { readonly entry: Entry; readonly isReplay: boolean }

/** Distinguishes users, who are authorized and limited, from the host application, which is neither. */
export type PublishedBy = 'person' | 'host'

/** Describes a committed message for a host application. */
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
  /** Limits messages per second per user; contained in the error message. */
  readonly messageRate: number
  readonly maxMessageLength: number
  readonly isDraining: () => boolean
  /** See ChatOptions. */
  readonly isUpgradeFinished?: (() => boolean) | undefined
  /** Returns an principal, who may have been looked up a while ago, under the name of now; throws for a deleted user. */
  readonly author: (principal: Principal) => Principal
  /** Returns the same and never throws: a deleted user keeps the last known name. */
  readonly named: (principal: Principal) => Principal
  /** Called with each message that this process committed, at most once; must not throw. */
  readonly onMessage?: ((message: CommittedMessage) => void) | undefined
}

/** Publishes entries. */
export interface Publisher {
  /** Counts a message against the rate of a user, before anything is looked up for it. Throws `rate_limited`. */
  admit(userId: number): void
  /**
   * Publishes an entry. Throws a ChatError, or returns a promise that rejects with it if the host has to be called first. Otherwise
   * `posted` is called once, after the commit or with the error, and before other users receive the message.
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

  /** Prepares an edited message. An invalid one is the host's error, so the sender gets `unavailable`. */
  const prepareEdit = (edited: Submission): Body => {
    try {
      return prepare(edited)
    } catch (cause) {
      log.error({ err: cause }, 'beforeMessage returned a message that can not be stored')
      throw new ChatError('unavailable', 'The message can not be stored right now. Send it again later.', { cause })
    }
  }

  const refuseWhileDraining = (): void => {
    if (isDraining())
      throw new ChatError('unavailable', 'The service is restarting. Send the message again in a moment.')
  }

  /** Early, for the sender's sake: the database decides it again under the lock of the room. */
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
      if ('error' in outcome) return posted(outcome)
      const { appended } = outcome
      if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) return posted({ error: nonceReused() })
      const entry = entryOf(draft, appended)
      posted({ entry, isReplay: appended.replayed })
      // Announced even if it is a replay, because the first commit's result may have been lost. What was stored then may be erased now.
      if (room.committed(entry, appended.replayed ? OUTDATED : version)) bus.announce(room.id, entry.seq)
      const { content, kind } = draft
      if (onMessage && !appended.replayed && kind.kind === MESSAGE && content !== null)
        onMessage(committedMessage({ ...draft, content, meta: metaOf(draft) }, publicUserOf(named(principal)), entry))
    })
  }

  const post: Publisher['post'] = (principal, room, submission, posted, by) => {
    const { kind, command } = submission
    const { userId, username } = principal
    const { nonce } = command
    const about = { kind, room, userId, username, nonce }
    const own = prepare(submission)
    refuseWhileDraining()
    refuseBeforeUpgrade(kind)
    if (by === 'host' || !access.edit || !kind.isEditable) return append({ ...about, ...own }, room, principal, posted)
    const draft = {
      room: room.name,
      user: publicUserOf(named(principal)),
      content: own.content ?? '',
      meta: metaOf(own),
      nonce
    }
    return access.edit(draft).then(({ content, meta }) => {
      const edited = { kind, command: { ...command, content, meta } }
      append({ ...about, ...prepareEdit(edited) }, room, principal, posted)
    })
  }

  return { admit, post }
}

const metaOf = ({ meta }: Body): Post['meta'] => (meta === null ? undefined : JSON.parse(meta))

/** Returns a committed message in the form for a host application. */
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
