/**
 * Holds a contiguous part of the messages of a room in memory. Older messages are added before this part, and new ones after it.
 */
import { fold, foldReply, type Held, heldOf, replyOf, shownOf } from './fold.ts'
import {
  changedSeqOf,
  type Erasure,
  messageOf,
  type Reply,
  withChangeErased,
  withErasure,
  withReplyErased
} from './message.ts'
import type { EntryList } from './protocol.ts'
import type { Message, MessageChange, OutgoingChange } from './room-types.ts'

export interface Timeline {
  /** Ascending by `seq`. Each change creates a new array. */
  readonly messages: readonly Message[]
  /** The first `seq` of the part of the log that is in memory. Undefined before the first call to `begin`. */
  readonly first: number | undefined
  readonly hasOlder: boolean
  /** The `seq` of the oldest entry that the service keeps, as far as this client knows. */
  readonly oldest: number
  /** The number of calls to `begin`. A page that was requested in an earlier generation must not be inserted. */
  readonly generation: number
  /**
   * Removes all messages and starts after the entry `seq`. `oldest` is the `seq` of the oldest entry that the service keeps.
   */
  begin(seq: number, oldest: number): void
  /** Appends a message that arrived in a frame. Returns the message as the app sees it. */
  append(message: Message): Message
  /** Applies an entry to the message that it changes. */
  change(change: MessageChange): void
  /** Sets this user's unconfirmed changes, which `messages` then includes. */
  setOwn(changes: readonly OutgoingChange[]): void
  /**
   * Removes the contents of erased messages. Until the next call to `begin`, also removes the contents of erased messages that
   * are inserted later.
   */
  erase(erasure: Erasure): void
  /**
   * Inserts a page of history before all messages. The page must include the effects of all entries that the room had received
   * when it requested the page.
   */
  prepend(page: EntryList): void
  /**
   * Replaces the message `seq`. If it is not in memory, replaces its excerpt in replies. The page must meet the requirement of
   * `prepend`.
   */
  replace(seq: number, page: EntryList): void
}

export interface TimelineOptions {
  /** Number of messages to keep, in addition to those that the app has loaded from history. */
  readonly keep: number
  /**
   * Whether a page is loading. Until the page is loaded, the timeline removes no messages. It also keeps the entries that
   * change messages, so that it can apply them to the page.
   */
  readonly isLoading: () => boolean
  /** Returns whether the user is the user of this client. */
  readonly isMe: (userId: number) => boolean
  /** Called with the `seq` of a message that must be loaded. */
  readonly onMissing: (seq: number) => void
}

/**
 * A message in memory. `cache` contains the last arguments and the last result of `shownOf`. `reply` is what the replies to this
 * message show of it.
 */
interface Shown extends Held {
  cache?: {
    readonly own: readonly OutgoingChange[] | undefined
    readonly reply: Reply | undefined
    readonly message: Message
  }
  reply?: Reply
}

/** Returns a message without the fields that `Shown` adds. */
const plain = ({ cache: _, reply: __, ...held }: Shown): Held => held

/** Creates a timeline. When there are too many messages, removes the oldest. */
export const createTimeline = ({ keep, isLoading, isMe, onMissing }: TimelineOptions): Timeline => {
  let all: Shown[] = []
  let shown: readonly Message[] | undefined
  let first: number | undefined
  let hasOlder = false
  let kept = 1
  let generation = 0
  let max = keep
  // The erasures since the last call to `begin`, keyed by user id. Also applied to pages of history that are inserted later,
  // because such a page may have been requested before an erasure.
  const erasures = new Map<number, Erasure>()
  // The entries that changed messages while a page was loading. They are applied to the page, which may not include their
  // effects.
  let recent: MessageChange[] = []
  // The excerpts that replies show of messages that are not in memory. Keyed by the `seq` of the message. `at` is the `seq` of
  // the last entry that was applied to the excerpt.
  const replies = new Map<number, { readonly reply: Reply; readonly at: number }>()
  let own = new Map<number, OutgoingChange[]>()

  /** Returns the index of the first message whose `seq` is equal to or above the given one. */
  const indexOf = (seq: number): number => {
    let [low, high] = [0, all.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((all[middle]?.message.seq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  const find = (seq: number): Shown | undefined => {
    const held = all[indexOf(seq)]
    return held?.message.seq === seq ? held : undefined
  }

  /** Returns the `reply` field for replies to a message, or undefined if the message is unknown. */
  const replyTo = (seq: number | undefined): Reply | undefined => {
    if (seq === undefined) return undefined
    const held = find(seq)
    if (!held) return replies.get(seq)?.reply
    held.reply ??= replyOf(held.message)
    return held.reply
  }

  const requireReply = ({ reply_to: seq }: Message): void => {
    if (seq !== undefined && !replyTo(seq)) onMissing(seq)
  }

  const show = (held: Shown): Message => {
    const changes = own.get(held.message.seq)
    const reply = replyTo(held.message.reply_to)
    const { cache } = held
    if (cache && cache.own === changes && cache.reply === reply) return cache.message
    const message = shownOf(held, changes, reply)
    held.cache = { own: changes, reply, message }
    return message
  }

  const erased = (held: Shown): Shown => {
    const erasure = erasures.get(held.message.user_id)
    const message = erasure ? withErasure(held.message, erasure) : held.message
    return message === held.message ? held : { ...plain(held), message }
  }

  const erasedReply = (reply: Reply): Reply => {
    const erasure = erasures.get(reply.user_id ?? 0)
    return erasure ? withReplyErased(reply, erasure) : reply
  }

  const apply = (change: MessageChange): void => {
    const { target, seq } = change
    const at = indexOf(target)
    const held = all[at]
    if (held?.message.seq === target) {
      all[at] = fold(plain(held), change, isMe(change.user_id))
      // A key that the client does not know may now be among the most frequent ones, so the message is loaded again.
      if (held.isPartial && change.type === 'reaction' && change.action === 'removed' && seq > held.reactedSeq)
        onMissing(target)
    }
    const quoted = replies.get(target)
    if (quoted && seq > quoted.at) replies.set(target, { reply: foldReply(quoted.reply, change), at: seq })
  }

  const applyRecent = (): void => {
    for (const change of recent) apply(change)
    shown = undefined
  }

  /**
   * Inserts messages from HTTP at the index `at`. `replaced` is the number of messages that they replace. If a message replies
   * to a message that is not in memory, keeps the excerpt from the field `reply`.
   */
  const insert = (at: number, replaced: number, { messages, mine = {}, seq }: EntryList): void => {
    const items = messages.map(messageOf).filter(message => message !== undefined)
    all.splice(at, replaced, ...items.map(item => erased(heldOf(item, true, mine[item.seq]))))
    for (const { reply } of items)
      if (reply && !find(reply.seq) && !((replies.get(reply.seq)?.at ?? -1) > seq))
        replies.set(reply.seq, { reply: erasedReply(reply), at: seq })
  }

  /** Removes the oldest messages. Keeps their excerpts if replies in memory show them. */
  const trim = (): void => {
    const removed = all.splice(0, all.length - max)
    if (replies.size === 0 && !all.some(({ message }) => message.reply_to)) return
    const repliedTo = new Set(all.map(({ message }) => message.reply_to))
    for (const { message } of removed)
      if (repliedTo.has(message.seq)) replies.set(message.seq, { reply: replyOf(message), at: changedSeqOf(message) })
    for (const seq of replies.keys()) if (!repliedTo.has(seq)) replies.delete(seq)
  }

  return {
    get messages() {
      shown ??= Object.freeze(all.map(show))
      return shown
    },
    get first() {
      return first
    },
    get hasOlder() {
      return hasOlder
    },
    get oldest() {
      return kept
    },
    get generation() {
      return generation
    },
    begin(seq, oldest) {
      all = []
      shown = undefined
      first = seq + 1
      hasOlder = first > oldest
      kept = oldest
      max = keep
      erasures.clear()
      replies.clear()
      recent = []
      generation++
    },
    append(message) {
      const held: Shown = heldOf(message, false)
      all.push(held)
      shown = undefined
      requireReply(message)
      const result = show(held)
      if (all.length <= max || isLoading()) return result
      trim()
      first = all[0]?.message.seq
      hasOlder = true
      return result
    },
    change(change) {
      // The text of an edit must not stay in memory after the deletion of its message.
      if (change.type === 'deletion')
        recent = recent.filter(({ type, target }) => type !== 'edit' || target !== change.target)
      if (isLoading()) recent.push(change)
      else recent = []
      apply(change)
      shown = undefined
    },
    setOwn(changes) {
      if (own.size === 0 && changes.length === 0) return
      own = new Map()
      for (const change of changes) own.set(change.target, [...(own.get(change.target) ?? []), change])
      shown = undefined
    },
    erase(erasure) {
      erasures.set(erasure.userId, erasure)
      all = all.map(erased)
      recent = recent.map(change => withChangeErased(change, erasure))
      for (const [seq, { reply, at }] of replies) replies.set(seq, { reply: erasedReply(reply), at })
      shown = undefined
    },
    prepend(page) {
      const from = page.messages[0]?.seq
      insert(0, 0, page)
      max += page.messages.length
      first = from ?? first
      hasOlder = page.has_more && from !== undefined
      kept = page.oldest
      for (const { message } of all) requireReply(message)
      applyRecent()
    },
    replace(seq, page) {
      const isHeld = find(seq) !== undefined
      const [item] = page.messages.map(messageOf)
      if (isHeld && item) insert(indexOf(seq), 1, page)
      else if (!isHeld) {
        const reply: Reply = item ? replyOf(item) : { seq, unavailable: 'expired' }
        replies.set(seq, { reply: erasedReply(reply), at: page.seq })
      }
      applyRecent()
    }
  }
}
