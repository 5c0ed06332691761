/**
 * Adds to the items of HTTP lists what the page cache does not contain: excerpts of the messages to which replies refer, and the
 * caller's own reactions. Reads both from the database for each request. A cached excerpt could show an erased message, and
 * own reactions differ for each caller.
 */
import type { Keyring } from '../../crypto/keyring.ts'
import type { MessagesRepository, Place, ReactionsRepository, StoredEntry } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import type { LastMessage } from '../../protocol/http/inbox.ts'
import { MESSAGE } from '../../protocol/http/messages.ts'
import type { Room } from '../rooms/room.ts'
import { decryptBody } from './codec.ts'
import type { Entry } from './entry.ts'
import type { MoreFields } from './items.ts'
import type { Slices } from './slices.ts'

export interface CompletionsOptions {
  readonly some: MessagesRepository['some']
  readonly oneOfEach: MessagesRepository['oneOfEach']
  readonly own: ReactionsRepository['own']
  readonly keyring: Keyring
  readonly slices: Slices
}

export interface Completions {
  /** Returns the field `reply` of each message that is a reply, keyed by the `seq` of the reply. */
  replies(room: Pick<Room, 'id' | 'oldest'>, entries: readonly Entry[]): Promise<MoreFields | undefined>
  /**
   * Returns the messages at the given places in their current state, with excerpts, keyed by room id. If `userId` is given, the
   * query for the texts omits the rooms in which this user is not a member.
   */
  newest(places: readonly Place[], userId?: number): Promise<ReadonlyMap<number, LastMessage>>
  /** Returns the keys of the user's reactions to the messages `seqs`, keyed by `seq`. */
  mine(roomId: number, seqs: readonly number[], userId: number): Promise<ReadonlyMap<number, readonly string[]>>
}

/**
 * Maximum number of messages that are read and decrypted for excerpts at a time. Each text is read as a whole. Without this
 * limit, the excerpts for replies to several hundred long messages would need too much memory.
 */
const GROUP = 32
/** Maximum length of an excerpt, in characters (Unicode code points). */
const MAX_EXCERPT = 100

export const createCompletions = ({ some, oneOfEach, own, keyring, slices }: CompletionsOptions): Completions => {
  const replyOf = (seq: number, stored: StoredEntry | undefined): object => {
    if (stored?.kind !== MESSAGE) return { seq, unavailable: 'expired' }
    const { userId: user_id, username } = stored
    return { seq, user_id, username, ...shownText(stored) }
  }

  const shownText = (stored: StoredEntry): Pick<LastMessage, 'excerpt' | 'unavailable'> => {
    if (stored.content === null) return { unavailable: 'erased' }
    const body = decryptBody(stored, keyring)
    return body ? { excerpt: excerptOf(body.content ?? '') } : { unavailable: 'key' }
  }

  const lastOf = (stored: StoredEntry): LastMessage => {
    const { seq, userId: user_id, username, createdAt } = stored
    return { seq, user_id, username, timestamp: timestamp(createdAt), ...shownText(stored) }
  }

  return {
    async replies({ id, oldest }, entries) {
      const replies = entries.filter(({ replyTo }) => replyTo !== undefined)
      if (replies.length === 0) return undefined
      const seqs = [...new Set(replies.map(({ replyTo = 0 }) => replyTo))]
      const bySeq = new Map<number, Buffer>()
      for (let at = 0; at < seqs.length; at += GROUP) {
        const group = seqs.slice(at, at + GROUP)
        const stored = new Map((await some(id, group)).map(entry => [entry.seq, entry]))
        await slices.map(group, seq => {
          const reply = replyOf(seq, seq < oldest ? undefined : stored.get(seq))
          bySeq.set(seq, Buffer.from(`,"reply":${JSON.stringify(reply)}`))
        })
      }
      return new Map(replies.map(({ seq, replyTo = 0 }) => [seq, bySeq.get(replyTo) ?? Buffer.alloc(0)]))
    },
    async newest(places, userId) {
      const byRoom = new Map<number, LastMessage>()
      for (let at = 0; at < places.length; at += GROUP) {
        const found = await oneOfEach(places.slice(at, at + GROUP), userId)
        const messages = found.filter(({ kind }) => kind === MESSAGE)
        await slices.map(messages, stored => void byRoom.set(stored.roomId, lastOf(stored)))
      }
      return byRoom
    },
    mine: async (roomId, seqs, userId) => (seqs.length === 0 ? new Map() : own(roomId, seqs, userId))
  }
}

const excerptOf = (text: string): string => {
  // Truncates the text before splitting it into characters, so that only the start of a long text is split. A character has at
  // most two code units.
  const characters = [...text.slice(0, 2 * MAX_EXCERPT)]
  return characters.slice(0, MAX_EXCERPT).join('')
}
