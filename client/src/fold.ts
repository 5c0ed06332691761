/**
 * Computes the current state of a message: the entry itself, then the later entries that change it in the order of the log, then
 * this user's changes that are not confirmed yet.
 *
 * A message that arrives in a frame after a gap has the text of its newest edit, but no reactions. Text and reactions are
 * therefore folded separately: an entry changes the text only after `changed_seq`, and the reactions only after `reactedSeq`.
 */
import { changedSeqOf, withChange, withoutText, withText } from './message.ts'
import type { Message, MessageChange, OutgoingChange } from './room-types.ts'

/** The reactions with one key. */
export type Reactions = NonNullable<Message['reactions']>[number]
export type Reply = NonNullable<Message['reply']>

/** A message in memory. */
export interface Held {
  /** The message without reactions and without the message that it answers. */
  readonly message: Message
  /** All known reactions, the most frequent first. */
  readonly reactions: readonly Reactions[]
  readonly mine: readonly string[]
  /** The `seq` of the last entry that is applied to the reactions. */
  readonly reactedSeq: number
  /** Whether the message may have reactions that are not known, because a list has only the most frequent ones. */
  readonly isPartial: boolean
}

/** Maximum number of keys that the service shows. */
const MAX_KEYS = 20
/** Maximum length of an excerpt, in characters (Unicode code points). */
const MAX_EXCERPT = 100

/** Returns a message as it is held. With `isItem`, the message is from HTTP and has its reactions. */
export const heldOf = (given: Message, isItem: boolean, mine: readonly string[] = []): Held => {
  const { reactions = [], reply: _, ...message } = given
  const reactedSeq = isItem ? changedSeqOf(given) : given.seq
  return { message, reactions, mine, reactedSeq, isPartial: reactions.length >= MAX_KEYS }
}

/** Sets the number of reactions with a key. */
const withCount = (reactions: readonly Reactions[], key: string, count: number): readonly Reactions[] =>
  [...reactions.filter(one => one.key !== key), ...(count > 0 ? [{ key, count }] : [])].sort(
    (one, other) => other.count - one.count || (one.key < other.key ? -1 : 1)
  )

const withKey = (keys: readonly string[], key: string, isAdded: boolean): readonly string[] => {
  const others = keys.filter(one => one !== key)
  return isAdded ? [...others, key] : others
}

/** Applies an entry of the log. `isOwn` is whether this user appended it. */
export const fold = (held: Held, change: MessageChange, isOwn: boolean): Held => {
  const { seq, type } = change
  const next = { ...held, message: withChange(held.message, change) }
  if (seq <= held.reactedSeq) return next
  const folded = { ...next, reactedSeq: seq }
  if (type === 'deletion') return { ...folded, reactions: [], mine: [], isPartial: false }
  if (type === 'edit') return folded
  const { key, action, count } = change
  return {
    ...folded,
    reactions: withCount(held.reactions, key, count),
    mine: isOwn ? withKey(held.mine, key, action === 'added') : held.mine
  }
}

/** Applies the user's own changes that are not confirmed. */
const withOwn = ({ message, reactions, mine, ...rest }: Held, own: OutgoingChange): Held => {
  const { type, content, key = '', remove = false } = own
  if (type === 'delete') return { ...rest, message: withoutText(message), reactions: [], mine: [] }
  if (type === 'edit') return { ...rest, message: withText(message, content, own), reactions, mine }
  if (mine.includes(key) !== remove) return { ...rest, message, reactions, mine }
  const count = (reactions.find(one => one.key === key)?.count ?? 0) + (remove ? -1 : 1)
  return { ...rest, message, reactions: withCount(reactions, key, count), mine: withKey(mine, key, !remove) }
}

/** Returns the message as it is shown. `changes` are this user's changes that are not confirmed. */
export const shownOf = (held: Held, changes: readonly OutgoingChange[] = [], reply: Reply | undefined): Message => {
  const isErased = held.message.unavailable === 'erased'
  const { message, reactions, mine } = isErased ? held : changes.reduce(withOwn, held)
  // The reactions of a deleted message arrive before its deletion.
  const isReacted = reactions.length > 0 && !(isErased && held.reactedSeq < changedSeqOf(held.message))
  return Object.freeze({
    ...message,
    ...(isReacted ? { reactions: reactions.slice(0, MAX_KEYS) } : {}),
    ...(isReacted && mine.length > 0 ? { mine } : {}),
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

/** Returns a message as its answers show it. */
export const replyOf = ({ seq, user_id, username, content, unavailable }: Message): Reply => ({
  seq,
  user_id,
  username,
  ...textOf(content, unavailable)
})

/** Applies an entry of the log to what the answers to its message show. */
export const foldReply = (reply: Reply, change: MessageChange): Reply => {
  const { excerpt: _, unavailable, ...rest } = reply
  if (unavailable === 'erased' || unavailable === 'expired') return reply
  if (change.type === 'deletion') return { ...rest, unavailable: 'erased' }
  if (change.type === 'reaction') return reply
  const { content, unavailable: reason } = change
  // A later entry has the text, or the entry is from a list that has no texts of edits.
  if (reason === 'superseded' || (content === null && !reason)) return reply
  return { ...rest, ...textOf(content, reason) }
}
