/**
 * Encrypts a draft and appends it to the log. After the commit, notifies the sender, then the subscribers of this process, then
 * the other processes, and then the host application.
 */
import type { Bus } from '../../bus/bus.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import { ChatError } from '../../protocol/errors.ts'
import { MESSAGE } from '../../protocol/http/messages.ts'
import { type Principal, publicUserOf } from '../access/authorize.ts'
import type { ReadMarks } from '../marks/read-marks.ts'
import type { Room } from '../rooms/room.ts'
import type { AppendQueue } from './append-queue.ts'
import { type Draft, encryptEntry, entryOf, isSameEntry } from './codec.ts'
import { type CommittedMessage, committedMessage, metaOf } from './committed-message.ts'
import type { Entry } from './entry.ts'
import { restarting } from './refusals.ts'

/** The position of an entry in the log. `createdAt` is in milliseconds since the epoch. */
export type Position = Pick<Entry, 'id' | 'seq' | 'createdAt'>

/**
 * The result of an append: the stored entry, or the error. `entry` is undefined if the entry at `position` must be read from
 * the log. This is the case if nothing was appended, because the nonce was already stored or the draft would change nothing. It
 * is also the case if a later entry has already erased the new entry.
 */
export type PublishResult =
  | { readonly error: ChatError }
  | { readonly position: Position; readonly entry: Entry | undefined }

export interface AppendDraftOptions {
  readonly appendQueue: AppendQueue
  readonly keyring: Keyring
  readonly bus: Bus
  readonly isDraining: () => boolean
  /**
   * Returns the principal with the user's current name. Throws `unavailable` if, since the principal was looked up, the user
   * was deleted or suspended or the session ended.
   */
  readonly author: (principal: Principal) => Principal
  /** Like `author`, but never throws. A deleted user keeps the last known name. */
  readonly named: (principal: Principal) => Principal
  /** Whoever sends a message has read the entries before it. */
  readonly readMarks: Pick<ReadMarks, 'add'>
  /** Called at most once for each message that this process commits. Must not throw. */
  readonly onMessage?: ((message: CommittedMessage) => void) | undefined
}

/**
 * Appends a draft. Throws a ChatError if the draft is rejected before the append. Otherwise calls `posted` once with the result
 * of the append, before the subscribers receive the entry. With `mayBeEnded`, the account of the author may have ended.
 */
export type AppendDraft = (
  given: Draft,
  room: Room,
  principal: Principal,
  posted: (outcome: PublishResult) => void,
  mayBeEnded?: boolean
) => void

export const createAppendDraft =
  ({ appendQueue, keyring, bus, isDraining, author, named, readMarks, onMessage }: AppendDraftOptions): AppendDraft =>
  (given, room, principal, posted, mayBeEnded = false) => {
    if (isDraining()) throw restarting()
    const { version } = room
    const { username } = mayBeEnded ? named(principal) : author(principal)
    const draft = username === given.username ? given : { ...given, username }
    appendQueue.append(encryptEntry(draft, keyring), outcome => {
      room.appendEnded()
      if ('error' in outcome) return posted(outcome)
      const { appended } = outcome
      if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) return posted({ error: nonceReused() })
      if (appended.outcome !== 'stored') {
        posted({ position: appended, entry: undefined })
        // An entry that was already stored is announced again, because the process that committed the entry may have failed
        // before the announcement. `grown` reads the entry from the database, because the entry may have been changed or erased
        // in the meantime.
        if (appended.seq <= room.tail) return
        room.grown(appended.seq)
        return bus.announce(room.id, appended.seq)
      }
      const entry = entryOf(draft, appended)
      posted({ position: entry, entry })
      if (room.committed(entry, version)) bus.announce(room.id, entry.seq)
      const { content, kind } = draft
      if (kind.kind === MESSAGE)
        readMarks.add({ userId: draft.userId, room: room.name, upTo: entry.seq, isUnread: false, epoch: room.epoch })
      if (onMessage && kind.kind === MESSAGE && content !== null)
        onMessage(committedMessage({ ...draft, content, meta: metaOf(draft) }, publicUserOf(named(principal)), entry))
    })
    // `appendStarted` is called after `append`, because `append` throws if the queue is full. The callback above, which calls
    // `appendEnded`, is never called synchronously.
    room.appendStarted()
  }

const nonceReused = (): ChatError =>
  new ChatError('nonce_reused', 'This nonce was used for another message in this room. Use a new nonce.')
