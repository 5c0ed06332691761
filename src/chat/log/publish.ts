/** A message's way into the log: checked, sealed, committed; then its sender is answered, and then everybody else. */
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

/** No room's version: the entry is read from the database. */
const OUTDATED = -1

/** A message as its sender gives it. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** An entry as it was sent. */
export interface Submission {
  readonly kind: Kind
  readonly command: Command
}

/** What became of a post: its entry, and whether it was there before; or why there is none. */
export type PublishResult = { readonly error: ChatError } | { readonly entry: Entry; readonly isReplay: boolean }

/** Who posts: a person, within the limits and asked about; or the host application itself, which answers for what it does. */
export type PublishedBy = 'person' | 'host'

/** A message that is in the log, as a host application is told of it. */
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
  /** Messages a second and user, for the refusal's words. */
  readonly messageRate: number
  readonly maxMessageLength: number
  readonly isDraining: () => boolean
  /** See ChatOptions. */
  readonly isUpgradeFinished?: (() => boolean) | undefined
  /** Returns an principal, who may have been looked up a while ago, under the name of now; throws for a deleted user. */
  readonly author: (principal: Principal) => Principal
  /** Returns the same and never throws: a deleted user keeps the last known name. */
  readonly named: (principal: Principal) => Principal
  /** Told of each message that this process committed, at most once; must not throw. */
  readonly onMessage?: ((message: CommittedMessage) => void) | undefined
}

/** Posting, as the chat uses it. */
export interface Publisher {
  /** Takes a message from a person's rate, before anything is asked or looked up for it. Throws `rate_limited`. */
  admit(userId: number): void
  /**
   * Throws a ChatError when a post is refused at once, or answers a promise that rejects with it where something has to be
   * asked first; otherwise `posted` is called once, after the commit or with why there was none, and before anyone else
   * hears of the message.
   */
  post(
    principal: Principal,
    room: Room,
    submission: Submission,
    posted: (outcome: PublishResult) => void,
    by: PublishedBy
  ): void | Promise<void>
}

/** Makes it. */
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

  /** What the host made too long is the host's doing, and the sender can't help it. */
  const prepareEdit = (edited: Submission): Body => {
    try {
      return prepare(edited)
    } catch (cause) {
      log.error({ err: cause }, 'beforeMessage answered a message that can not be stored')
      throw new ChatError('unavailable', 'The message can not be stored right now.', { cause })
    }
  }

  const refuseWhileDraining = (): void => {
    if (isDraining()) throw new ChatError('unavailable', 'The service restarts. Send the message again in a moment.')
  }

  /** Early, for the sender's sake: the database decides it again under the lock of the room. */
  const refuseBeforeUpgrade = ({ kind }: Kind): void => {
    if (kind !== MESSAGE && !isUpgradeFinished()) throw refusalOf('upgrade_pending')
  }

  const admit = (userId: number): void => {
    const retryAfterMs = registry.takeMessage(userId)
    if (retryAfterMs === 0) return
    const detail = `You send more than ${messageRate} messages a second. Wait before you send the next one.`
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
      // News even when it is a replay: the first commit's result may have been lost. What was stored then may be erased now.
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

/** What a host is told of a message that is in the log now. */
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
