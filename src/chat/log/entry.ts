/** Defines an entry in its public form, which clients receive, and encodes it once for all readers. */
import type { Listed } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import { DELETION, ERASURE, isNoticeKind, MEMBERSHIP, MESSAGE, ROOM } from '../../protocol/http/messages.ts'
import { type Encoded, encode } from '../connections/encoded.ts'
import type { Kind, ShownBody } from '../kinds/kind.ts'
import type { Placed } from './page-store.ts'

/**
 * The reason why content cannot be shown. `key`: no key decrypts the row, or the row is not valid. `erased`: the content was
 * erased. `superseded`: a later edit replaced the content of this edit.
 */
export type Unavailable = 'key' | 'erased' | 'superseded'

/** An entry in its public form, encoded once for all readers. */
export interface Entry extends Encoded, Placed {
  readonly id: number
  /** The time of the append, in milliseconds since the epoch. 0 if the stored time is not valid. */
  readonly createdAt: number
  readonly isMessage: boolean
  /** Whether the entry is a notice: not a message, but listed with the messages on request. See `isNoticeKind`. */
  readonly isNotice?: boolean
  readonly unavailable: Unavailable | undefined
  /** The `seq` of the entries that this entry changes. */
  readonly changes?: readonly number[]
  /** Whether this entry erases the entries that it changes. */
  readonly isDeletion?: boolean
  /** The `seq` of the message that this message replies to. */
  readonly replyTo?: number
  readonly hasReactions?: boolean
  /** Whether the entry is a pinned message. */
  readonly isPinned?: boolean
  /** The id of the erased user, if this entry reports an erasure. */
  readonly erasedUser?: number
  readonly membership?: MembershipChange
  /** True if the entry deletes the room. */
  readonly isEnd?: boolean
  /**
   * The entry as an item of an HTTP list, in JSON. Present if the entry is not a message, or if the item has fields that the
   * frame does not have. If absent, the item is derived from the frame.
   */
  readonly item?: Buffer
}

/**
 * A change of the rights of users by an entry. `joined` and `left` change the membership in the room, `muted` changes the right
 * to write in the room, and `banned` and `unbanned` change the right to read and to join the room.
 */
export interface MembershipChange {
  /** The users whose rights change. Contains several users if the host application added them at once. */
  readonly userIds: readonly number[]
  readonly change: 'joined' | 'left' | 'muted' | 'banned' | 'unbanned'
}

/** Maps each type of list to a function that returns whether such a list contains an entry. */
export const isListedIn: Record<Listed, (entry: Entry) => boolean> = {
  all: () => true,
  messages: ({ isMessage }) => isMessage,
  notices: ({ isMessage, isNotice }) => isMessage || isNotice === true
}

/** The fields of a frame that give the position and the author of its entry. */
interface Place {
  readonly id: number
  readonly room: string
  readonly seq: number
  readonly user_id: number
  readonly username: string
}

export interface Shown {
  readonly body: ShownBody
  readonly nonce?: string | undefined
  readonly unavailable?: Unavailable
}

/** Creates an entry of a kind that this release supports. */
export const makeEntry = (kind: Kind, place: Place, { body, nonce, unavailable }: Shown, createdAt: number): Entry => {
  const { kind: type } = kind
  const { target, state } = body
  const isMessage = type === MESSAGE
  const fields = {
    ...kind.show(body),
    ...(state && state.changedSeq > place.seq ? { changed_seq: state.changedSeq } : {}),
    ...(nonce === undefined ? {} : { nonce })
  }
  // items.ts relies on this order: `type` is the first field, and `timestamp` is the last.
  const frame = { type, ...place, ...fields, ...(unavailable && { unavailable }), timestamp: timestamp(createdAt) }
  const more = kind.showItem?.(body)
  const item = isMessage
    ? more && itemOf({ ...place, ...fields, ...more, ...(unavailable && { unavailable }) }, createdAt)
    : itemOf({ type, ...place, ...fields, content: null }, createdAt)
  return entryOfFrame(frame, place, createdAt, {
    isMessage,
    unavailable,
    ...(item ? { item } : {}),
    ...(isMessage && target !== undefined ? { replyTo: target } : {}),
    ...(kind.changedBy ? { changes: kind.changedBy(body).filter(seq => typeof seq === 'number') } : {}),
    ...(isNoticeKind(type) ? { isNotice: true } : {}),
    ...(type === DELETION ? { isDeletion: true } : {}),
    ...(more && 'pinned' in more ? { isPinned: true } : {}),
    ...(more && 'reactions' in more ? { hasReactions: true } : {}),
    ...(type === ERASURE && 'subject' in fields ? { erasedUser: Number(fields.subject) } : {}),
    ...(type === MEMBERSHIP && 'subject' in fields && 'event' in fields ? membershipOf(fields) : {}),
    ...(type === ROOM && 'deleted' in fields && fields.deleted === true ? { isEnd: true } : {})
  })
}

const CHANGES: Readonly<Record<string, MembershipChange['change'] | undefined>> = {
  joined: 'joined',
  added: 'joined',
  left: 'left',
  removed: 'left',
  muted: 'muted',
  banned: 'banned',
  unbanned: 'unbanned'
}

const membershipOf = (fields: { subject: unknown; event: unknown; subjects?: unknown }): Pick<Entry, 'membership'> => {
  const change = CHANGES[String(fields.event)]
  return change ? { membership: { userIds: [fields.subjects ?? fields.subject].flat().map(Number), change } } : {}
}

/**
 * Creates an entry of a kind that this release doesn't support. Such an entry is delivered too, so that subscribers don't miss
 * a `seq`.
 */
export const makeUnknown = (storedKind: string, place: Place, createdAt: number): Entry => {
  const { room, seq } = place
  const kind = storedKind.slice(0, MAX_KIND)
  const item = itemOf({ type: 'unknown', kind, ...place, content: null }, createdAt)
  return entryOfFrame({ type: 'unknown', kind, room, seq }, place, createdAt, {
    isMessage: false,
    ...(isNoticeKind(storedKind) ? { isNotice: true } : {}),
    unavailable: undefined,
    item
  })
}

/** Maximum length of the name of an unknown kind in a frame. Longer names are truncated. */
const MAX_KIND = 64

/**
 * Creates an HTTP item. The `content` of an entry that is not a message is null, so that older clients don't show the entry as a
 * message.
 */
const itemOf = (fields: object, createdAt: number): Buffer =>
  Buffer.from(JSON.stringify({ ...fields, created_at: timestamp(createdAt) }))

const entryOfFrame = (
  frame: object,
  { id, seq, user_id: userId }: Place,
  createdAt: number,
  more: Omit<Entry, 'frame' | 'head' | 'bytes' | 'createdAt' | keyof Placed | 'id'>
): Entry => {
  const encoded = encode(JSON.stringify(frame))
  // Counts three times the encoded size, for two reasons. A small frame is part of a larger buffer of Node's buffer pool, and
  // keeps this whole buffer in memory. In addition, page-items.ts keeps the JSON of the page and a response.
  const bytes = 3 * (encoded.frame.length + (more.item?.length ?? 0)) + 200
  return { frame: encoded.frame, head: encoded.head, id, seq, userId, createdAt, ...more, bytes }
}
