/**
 * Computes the current state of a message. Starts with the message's own entry. Then applies the later entries that change the
 * message, in the order of the log. Last, applies this user's unconfirmed changes.
 *
 * A frame of a message that the client had missed has the text of the newest edit, but no reactions and no pin: later frames
 * bring these. So the text can be ahead of the reactions and the pin. An entry changes the text only if its `seq` is above
 * `changed_seq`. An entry changes the reactions and the pin only if its `seq` is above `reactedSeq`.
 */
import { changedSeqOf, type Reply, withChange, withoutText, withText } from './message.ts'
import type { Message, MessageChange, OutgoingChange } from './room-types.ts'

/** The reactions with one key. */
export type Reactions = NonNullable<Message['reactions']>[number]

/** A message in memory. */
export interface Held {
  /** The message without its reactions, its pin and the excerpt of the message that it replies to. */
  readonly message: Message
  /** All known reactions, the most frequent first. */
  readonly reactions: readonly Reactions[]
  readonly mine: readonly string[]
  /** The `seq` of the last entry that was applied to the reactions and the pin. */
  readonly reactedSeq: number
  readonly isPinned: boolean
  /** Whether the client may lack some reactions, because the service returns only the most frequent keys with a message. */
  readonly isPartial: boolean
}

/** Maximum number of reaction keys that the service returns with a message. */
const MAX_KEYS = 20
/** Maximum length of an excerpt, in characters (Unicode code points). */
const MAX_EXCERPT = 100

/**
 * Converts a message to the form that is kept in memory. `isItem` is true if the message is from an HTTP list. Only messages of
 * HTTP lists include their reactions.
 */
export const heldOf = (given: Message, isItem: boolean, mine: readonly string[] = []): Held => {
  const { reactions = [], reply: _, pinned = false, ...message } = given
  const reactedSeq = isItem ? changedSeqOf(given) : given.seq
  return { message, reactions, mine, reactedSeq, isPinned: pinned, isPartial: reactions.length >= MAX_KEYS }
}

/** Sets the number of reactions with a key. Sorts the keys as the service does. */
const withCount = (reactions: readonly Reactions[], key: string, count: number): readonly Reactions[] =>
  [...reactions.filter(one => one.key !== key), ...(count > 0 ? [{ key, count }] : [])].sort(
    (one, other) => other.count - one.count || (one.key < other.key ? -1 : 1)
  )

const withKey = (keys: readonly string[], key: string, isAdded: boolean): readonly string[] => {
  const others = keys.filter(one => one !== key)
  return isAdded ? [...others, key] : others
}

/** Applies an entry of the log to a message. `isOwn` is true if this user appended the entry. */
export const fold = (held: Held, change: MessageChange, isOwn: boolean): Held => {
  const { seq, type } = change
  const next = { ...held, message: withChange(held.message, change) }
  if (seq <= held.reactedSeq) return next
  const folded = { ...next, reactedSeq: seq }
  if (type === 'deletion') return { ...folded, reactions: [], mine: [], isPartial: false }
  if (type === 'edit') return folded
  if (type === 'pin') return { ...folded, isPinned: change.action === 'added' }
  const { key, action, count } = change
  return {
    ...folded,
    reactions: withCount(held.reactions, key, count),
    mine: isOwn ? withKey(held.mine, key, action === 'added') : held.mine
  }
}

/** Applies an unconfirmed change of this user to a message. */
const withOwn = (held: Held, own: OutgoingChange): Held => {
  const { message, reactions, mine, ...rest } = held
  const { type, content, key = '', remove = false } = own
  if (type === 'pin') return { ...held, isPinned: !remove }
  if (type === 'delete') return { ...rest, message: withoutText(message), reactions: [], mine: [] }
  if (type === 'edit') return { ...rest, message: withText(message, content, own), reactions, mine }
  if (mine.includes(key) !== remove) return { ...rest, message, reactions, mine }
  const count = (reactions.find(one => one.key === key)?.count ?? 0) + (remove ? -1 : 1)
  return { ...rest, message, reactions: withCount(reactions, key, count), mine: withKey(mine, key, !remove) }
}

/**
 * Returns the message as the app sees it. `changes` are this user's unconfirmed changes, and `reply` describes the message
 * that this message replies to.
 */
export const shownOf = (held: Held, changes: readonly OutgoingChange[] = [], reply: Reply | undefined): Message => {
  const isErased = held.message.unavailable === 'erased'
  const { message, reactions, mine, isPinned } = isErased ? held : changes.reduce(withOwn, held)
  // An erased message has no reactions and no pin, even if entries that add them are applied after the erasure.
  const isReacted = reactions.length > 0 && !isErased
  return Object.freeze({
    ...message,
    ...(isReacted ? { reactions: reactions.slice(0, MAX_KEYS) } : {}),
    ...(isReacted && mine.length > 0 ? { mine } : {}),
    ...(isPinned && message.unavailable !== 'erased' ? { pinned: true as const } : {}),
    ...(reply ? { reply } : {}),
    ...(isErased || changes.length === 0 ? {} : { pending: true as const })
  })
}

const textOf = (
  content: string | null,
  unavailable: Reply['unavailable'] = 'erased'
): Pick<Reply, 'excerpt' | 'unavailable'> =>
  content === null
    ? { unavailable }
    : { excerpt: [...content.slice(0, 2 * MAX_EXCERPT)].slice(0, MAX_EXCERPT).join('') }

/** Returns what a reply shows of the message that it replies to: the author, and an excerpt or why there is none. */
export const replyOf = ({ seq, user_id, username, content, unavailable }: Message): Reply => ({
  seq,
  user_id,
  username,
  ...textOf(content, unavailable)
})

/** Applies an entry of the log to the excerpt of the message that the entry changes. */
export const foldReply = (reply: Reply, change: MessageChange): Reply => {
  const { excerpt: _, unavailable, ...rest } = reply
  if (unavailable === 'erased' || unavailable === 'expired') return reply
  if (change.type === 'deletion') return { ...rest, unavailable: 'erased' }
  if (change.type !== 'edit') return reply
  const { content, unavailable: reason } = change
  // Ignores an edit if a later edit has replaced its text (`superseded`). Also ignores an edit from a list, because lists omit
  // the texts of edits.
  if (reason === 'superseded' || (content === null && !reason)) return reply
  return { ...rest, ...textOf(content, reason) }
}

/**
 * Applies an entry to a message that isn't in the timeline. If the entry changes the message that this message replies to,
 * changes the excerpt.
 */
export const withEntry = (message: Message, change: MessageChange): Message => {
  if (message.seq === change.target) return withChange(message, change)
  if (message.reply?.seq !== change.target) return message
  return Object.freeze({ ...message, reply: foldReply(message.reply, change) })
}
