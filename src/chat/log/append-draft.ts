/**
 * Encrypts a draft and appends it to the log. After the commit, notifies the sender, then the subscribers of this process, then
 * the other processes. Also notifies the host application (see committed-entries.ts). A draft can also be appended in a
 * transaction of the host application; then the commit notifies all processes.
 */
import type { Bus } from '../../bus/bus.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { AppendedEntry, HostTransaction, MessagesRepository } from '../../db/database.ts'
import { ChatError } from '../../protocol/errors.ts'
import { MEMBERSHIP, MESSAGE } from '../../protocol/http/messages.ts'
import { type Principal, publicUserOf } from '../access/authorize.ts'
import type { LiveInbox } from '../inbox/live.ts'
import type { ReadMarks } from '../marks/read-marks.ts'
import type { PostJoins } from '../rooms/post-joins.ts'
import type { Room } from '../rooms/room.ts'
import type { AppendQueue } from './append-queue.ts'
import { type Draft, encryptEntry, entryOf, isSameEntry } from './codec.ts'
import type { CommittedEntries, Notify } from './committed-entries.ts'
import { type CommittedMessage, committedMessage, metaOf } from './committed-message.ts'
import type { Entry } from './entry.ts'
import { type CommittedEntry, hostEntry } from './host-entry.ts'
import { refusalOf, restarting } from './refusals.ts'

/** The position of an entry in the log. `createdAt` is in milliseconds since the epoch. */
export type Position = Pick<Entry, 'id' | 'seq' | 'createdAt'>

/**
 * The result of an append: the error, or the position of the entry. In three cases, `entry` is undefined and must be read from
 * the log: the nonce was already stored, the draft would change nothing, or a later entry has already erased the new entry.
 */
export type PublishResult =
  | { readonly error: ChatError }
  | { readonly position: Position; readonly entry: Entry | undefined }

export interface AppendDraftOptions {
  readonly appendQueue: AppendQueue
  readonly appendInTransaction: MessagesRepository['appendInTransaction']
  readonly keyring: Keyring
  readonly bus: Bus
  readonly committedEntries: CommittedEntries
  readonly isDraining: () => boolean
  /**
   * Returns the principal with the user's current name. Throws `unavailable` if the user was deleted or suspended, or the
   * session ended, after the principal was looked up.
   */
  readonly author: (principal: Principal) => Principal
  /** Like `author`, but never throws. A deleted user keeps the last known name. */
  readonly named: (principal: Principal) => Principal
  /** Updates the inboxes that show the room. */
  readonly liveInbox: Pick<LiveInbox, 'grown' | 'membersChanged'>
  /** Moves the read mark of an author to the new message. The service assumes that the author has read all earlier entries. */
  readonly readMarks: Pick<ReadMarks, 'add'>
  /** Makes the author of a message in a public room a member. */
  readonly postJoins?: Pick<PostJoins, 'add'> | undefined
  /** Called at most once for each message that this process commits. Must not throw. */
  readonly onMessage?: ((message: CommittedMessage) => void) | undefined
  /**
   * Called at most once for each entry that this process commits. The entries of one room are reported in the order of its log.
   * `entry` creates the entry in the form for the host application. Must not throw.
   */
  readonly onEntry?: ((entry: () => CommittedEntry) => void) | undefined
}

/** A draft, the room to which it is appended, and its author. With `mayBeEnded`, a deleted or suspended author is accepted. */
export interface Appending {
  readonly draft: Draft
  readonly room: Room
  readonly principal: Principal
  readonly mayBeEnded?: boolean
}

export interface AppendDraft {
  /**
   * Appends a draft. Throws a ChatError if the draft is rejected before the append. Otherwise calls `posted` once with the result
   * of the append, before the subscribers receive the entry.
   */
  append(appending: Appending, posted: (outcome: PublishResult) => void): void
  /**
   * Appends a draft in a transaction of the host application. The result is provisional until the transaction commits. If the
   * entry is refused or its nonce was used for another entry, resolves with an `error`. If the append is not possible, for
   * example because the transaction has an unsupported isolation level, rejects with a ChatError. In these cases, nothing is
   * appended, and the transaction stays usable.
   */
  appendIn(transaction: HostTransaction, appending: Appending): Promise<PublishResult>
}

export const createAppendDraft = (options: AppendDraftOptions): AppendDraft => {
  const { appendQueue, appendInTransaction, keyring, bus, committedEntries, isDraining, author, named } = options
  const { onMessage, onEntry, readMarks, postJoins, liveInbox } = options

  const announce = (roomId: number, seq: number): void => {
    bus.announce(roomId, seq)
    liveInbox.grown(roomId, seq)
  }

  /**
   * Updates the inboxes of the users whose membership changed. `append` calls it even if no entry was stored, because in a room
   * with many members a membership may change without an entry.
   */
  const noteMembers = ({ kind, detail }: Draft): void => {
    if (kind.kind === MEMBERSHIP && detail != null) liveInbox.membersChanged(subjectsOf(detail))
  }

  /** Returns the draft with the current name of its author. Throws `unavailable` if the draft cannot be appended now. */
  const current = ({ draft, principal, mayBeEnded = false }: Appending): Draft => {
    if (isDraining()) throw restarting()
    const { username } = mayBeEnded ? named(principal) : author(principal)
    return username === draft.username ? draft : { ...draft, username }
  }

  const notifyOf =
    (draft: Draft, entry: Entry, principal: Principal): Notify =>
    () => {
      const { content, kind } = draft
      const user = publicUserOf(named(principal))
      if (onMessage && kind.kind === MESSAGE && content !== null)
        onMessage(committedMessage({ ...draft, content, meta: metaOf(draft) }, user, entry))
      onEntry?.(() => hostEntry(entry, user))
    }

  /** If the draft is a message, moves the author's read mark to the message, and makes the author a member of a public room. */
  const noteAuthor = ({ kind, userId }: Draft, { seq }: Entry, room: Room): void => {
    if (kind.kind !== MESSAGE) return
    const { name, epoch } = room
    readMarks.add({ userId, room: name, upTo: seq, isUnread: false, epoch })
    if (room.visibility === 'public') postJoins?.add({ room, userId })
  }

  const isOther = (draft: Draft, { stored }: AppendedEntry): boolean =>
    stored !== null && !isSameEntry(draft, stored, keyring)

  const append: AppendDraft['append'] = (appending, posted) => {
    const { room, principal } = appending
    const { version } = room
    const draft = current(appending)
    appendQueue.append(encryptEntry(draft, keyring), outcome => {
      room.appendEnded()
      if ('error' in outcome) return posted(outcome)
      const { appended } = outcome
      if (isOther(draft, appended)) return posted({ error: nonceReused() })
      noteMembers(draft)
      if (appended.outcome !== 'stored') {
        posted({ position: appended, entry: undefined })
        if (appended.outcome === 'erased') {
          const erased = { ...draft, content: null, meta: null }
          const entry = entryOf(erased, appended)
          committedEntries.committed(room, entry, notifyOf(erased, entry, principal))
        }
        // An entry after `tail` is announced here, because the process that committed the entry may have failed before it
        // announced the entry. `grown` reads the entry from the database, because the entry may have been changed or erased
        // since its commit.
        if (appended.seq <= room.tail) return
        room.grown(appended.seq)
        return announce(room.id, appended.seq)
      }
      const entry = entryOf(draft, appended)
      posted({ position: entry, entry })
      committedEntries.committed(room, entry, notifyOf(draft, entry, principal))
      if (room.committed(entry, version)) announce(room.id, entry.seq)
      else committedEntries.passed(room, entry)
      noteAuthor(draft, entry, room)
    })
    // If the queue is full, `appendQueue.append` throws and no append starts. So `appendStarted` is called afterwards. It is
    // still called before `appendEnded`, because `appendQueue.append` never calls the callback above synchronously.
    room.appendStarted()
  }

  const appendIn: AppendDraft['appendIn'] = async (transaction, appending) => {
    const { room, principal } = appending
    const draft = current(appending)
    const appended = await appendInTransaction(transaction, encryptEntry(draft, keyring), {
      epoch: room.epoch,
      announce: async seq => bus.announcement?.(room.id, seq)
    })
    if ('refused' in appended) return { error: refusalOf(appended.refused) }
    if (isOther(draft, appended)) return { error: nonceReused() }
    if (appended.outcome !== 'stored') return { position: appended, entry: undefined }
    const entry = entryOf(draft, appended)
    const notify = notifyOf(draft, entry, principal)
    committedEntries.pending(room, entry, () => {
      if (!bus.announcement) announce(room.id, entry.seq)
      noteMembers(draft)
      noteAuthor(draft, entry, room)
      notify()
    })
    return { position: entry, entry }
  }

  return { append, appendIn }
}

/** Returns the ids of the users whom an entry of the kind `membership` concerns. */
const subjectsOf = (detail: string): number[] => {
  const { subject, subjects }: { subject?: number; subjects?: number[] } = JSON.parse(detail)
  return subjects ?? (subject === undefined ? [] : [subject])
}

const nonceReused = (): ChatError =>
  new ChatError('nonce_reused', 'This nonce was used for another message in this room. Use a new nonce.')
