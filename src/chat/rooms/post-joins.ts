/**
 * Makes the author of a message in a public room a member of the room, unless the author is a member already. This usually
 * happens within a second of the message, independently of its append. Authors are collected, and looked up with one query. SQL
 * decides under the lock of the room, so a user who was banned in the meantime does not become a member.
 */
import { LruMap } from 'toad-cache'
import type { Bus } from '../../bus/bus.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { MembersRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { ChatError } from '../../protocol/errors.ts'
import { MEMBERSHIP } from '../../protocol/http/messages.ts'
import type { LiveInbox } from '../inbox/live.ts'
import { membership } from '../kinds/membership.ts'
import type { AppendQueue } from '../log/append-queue.ts'
import { encryptEntry } from '../log/codec.ts'
import type { RoomRegistry } from './registry.ts'

export interface PostJoinsOptions {
  readonly repository: Pick<MembersRepository, 'strangers'>
  readonly appendQueue: Pick<AppendQueue, 'append'>
  readonly rooms: Pick<RoomRegistry, 'byId'>
  readonly bus: Pick<Bus, 'announce'>
  readonly liveInbox: Pick<LiveInbox, 'grown' | 'membersChanged'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly log: Log
  readonly isUpgradeFinished: (step: string) => boolean
}

/** An author of a message, and the room. */
export interface Poster {
  readonly room: { readonly id: number; readonly name: string }
  readonly userId: number
}

export interface PostJoins {
  /** Called after each message in a public room. Only collects the author, so that the message is not delayed. */
  add(poster: Poster): void
  /**
   * Called before a user leaves a room, so that an earlier message does not make the user a member again. Returns a function that
   * must be called if the user does not leave.
   */
  forget(room: string, userId: number): () => void
  /** Stops the timer. */
  close(): void
}

/** Interval in milliseconds at which the collected authors are looked up. */
const LOOK_UP_MS = 1000
/**
 * Maximum number of authors that are collected, and maximum number that one query looks up. An author who is not collected
 * becomes a member with a later message.
 */
const [MAX_COLLECTED, MAX_LOOKED_UP] = [10_000, 1000]
/** Maximum number of users who become members per interval, because the room is locked while they are added. */
const MAX_JOINS = 200
/**
 * Maximum number of remembered authors, and the time in milliseconds for which they are remembered. If another process removes
 * an author from the room, a message that the author sends within this time does not make the author a member again.
 */
const [MAX_REMEMBERED, REMEMBERED_MS] = [50_000, 60_000]

export const createPostJoins = (options: PostJoinsOptions): PostJoins => {
  const { repository, appendQueue, rooms, bus, liveInbox, keyring, clock, log, isUpgradeFinished } = options
  /** The authors who are members, or who cannot become members. */
  const known = new LruMap<true>(MAX_REMEMBERED, REMEMBERED_MS)
  const collected = new Map<string, Poster>()
  /** The authors whose membership is being appended. */
  const joining = new Set<string>()
  let isRunning = false

  const collect = (key: string, poster: Poster): void => {
    if (collected.size < MAX_COLLECTED) collected.set(key, poster)
  }

  const join = (key: string, poster: Poster): void => {
    const { room, userId } = poster
    const command = { type: MEMBERSHIP, subject: userId, op: 'put' }
    const body = membership.prepare(command, { maxMessageLength: 0 })
    const draft = { ...body, kind: membership, room, userId, username: '', nonce: undefined }
    appendQueue.append(encryptEntry(draft, keyring), outcome => {
      const isWanted = joining.delete(key)
      if ('error' in outcome && isTemporary(outcome.error)) {
        if (isWanted) collect(key, poster)
        return
      }
      // An author who may not become a member is remembered too, so that further messages cause no further attempts.
      known.set(key, true)
      if ('error' in outcome) return
      liveInbox.membersChanged([userId])
      // In a large room, the author becomes a member without an entry. Then there is no entry to announce.
      if (outcome.appended.outcome !== 'stored') return
      const { seq } = outcome.appended
      rooms.byId(room.id)?.grown(seq)
      bus.announce(room.id, seq)
      liveInbox.grown(room.id, seq)
    })
    joining.add(key)
  }

  const lookUp = async (): Promise<void> => {
    const posters = [...collected].slice(0, MAX_LOOKED_UP)
    const found = await repository.strangers(posters.map(([, { room, userId }]) => ({ roomId: room.id, userId })))
    const strangers = new Set(found.map(({ roomId, userId }) => `${roomId} ${userId}`))
    let joins = 0
    for (const [key, poster] of posters) {
      // The user may have left during the query.
      if (!collected.has(key)) continue
      const isStranger = strangers.has(`${poster.room.id} ${poster.userId}`)
      if (isStranger && joins === MAX_JOINS) continue
      if (isStranger) {
        joins++
        // `join` throws if the append queue is full. The author then stays in `collected` and is looked up again.
        join(key, poster)
      } else known.set(key, true)
      collected.delete(key)
    }
  }

  const stop = clock.every(LOOK_UP_MS, () => {
    if (isRunning || collected.size === 0 || !isUpgradeFinished('rooms')) return
    isRunning = true
    lookUp()
      .catch(err => log.warn({ err }, 'failed to make authors of messages members of their rooms; retrying'))
      .finally(() => {
        isRunning = false
      })
  })

  return {
    add(poster) {
      const key = keyOf(poster.room.name, poster.userId)
      if (!known.get(key)) collect(key, poster)
    },
    forget(room, userId) {
      const key = keyOf(room, userId)
      const poster = collected.get(key)
      collected.delete(key)
      joining.delete(key)
      known.delete(key)
      return () => {
        if (poster) collect(key, poster)
      }
    },
    close: stop
  }
}

/** Returns whether an error is temporary. For example, another transaction may have locked the row of the user. */
const isTemporary = ({ code }: ChatError): boolean => code === 'busy' || code === 'unavailable'

const keyOf = (room: string, userId: number): string => `${room} ${userId}`
