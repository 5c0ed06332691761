/**
 * Computes the messages of a room from the entries of its log, without code of the service. A message has the text and the
 * mentions of its newest edit, or its first text and mentions if it has no edit. It has the reactions and the pin that were added
 * and not removed. A deleted or erased message has none of these.
 */

/** An entry of the log, as in the frames that subscribers receive. */
export interface LogEntry {
  readonly type: string
  readonly seq: number
  readonly user_id: number
  readonly timestamp?: string
  readonly content?: string | null
  readonly unavailable?: string
  readonly nonce?: string
  readonly target?: number
  readonly key?: string
  readonly action?: string
  readonly count?: number
  readonly mentions?: readonly number[]
  readonly subject?: number
  readonly event?: string
  readonly role?: string
  readonly until?: string
  readonly title?: string | null
  readonly topic?: string | null
  readonly slow_mode_seconds?: number
  readonly archived?: boolean
  readonly invite?: string
}

/** The state of a message: its text, or null after a deletion or an erasure, and its reactions as `key=count`, sorted by key. */
export interface Message {
  readonly content: string | null | undefined
  readonly reactions: readonly string[]
  readonly pinned?: true
  readonly mentions?: readonly number[]
}

interface Folded {
  readonly author: number
  content: string | null | undefined
  mentions: readonly number[]
  isPinned: boolean
  readonly reactions: Map<string, Set<number>>
  /**
   * Whether the log contains an erasure of the author. The log may contain a second erasure, for messages that were being
   * appended during the first one.
   */
  isAuthorErased: boolean
}

/** Removes what a message loses when it is deleted, or erased with the account of its author. */
const erase = (message: Folded): void => {
  message.content = null
  message.mentions = []
  message.isPinned = false
  message.reactions.clear()
}

const eraseWithAuthor = (message: Folded): void => {
  erase(message)
  message.isAuthorErased = true
}

/** Returns the messages by `seq`, and a description of each entry that contradicts the entries before it. */
export const fold = (log: readonly LogEntry[]): { messages: Map<number, Message>; faults: string[] } => {
  const folded = new Map<number, Folded>()
  const faults: string[] = []
  for (const entry of log) {
    const { type, seq, content, mentions = [], user_id: author } = entry
    if (type === 'message')
      folded.set(seq, { author, content, mentions, isPinned: false, reactions: new Map(), isAuthorErased: false })
    if (type === 'erasure') for (const one of folded.values()) if (one.author === entry.subject) eraseWithAuthor(one)
    const message = folded.get(entry.target ?? 0)
    if (message) faults.push(...change(message, entry))
    else if (entry.target !== undefined) faults.push(`the ${type} ${seq} has no message ${entry.target}`)
  }
  return { messages: new Map([...folded].map(([seq, message]) => [seq, stateOf(message)])), faults }
}

/** Applies an entry to its message. Returns a description of each contradiction to the earlier entries. */
const change = (message: Folded, { type, seq, user_id, target, ...entry }: LogEntry): string[] => {
  const wrong: string[] = []
  if (type === 'edit') {
    if (user_id !== message.author) wrong.push(`the edit ${seq} is not by the author of ${target}`)
    message.content = entry.content
    message.mentions = entry.mentions ?? []
  }
  if (type === 'deletion') erase(message)
  if (type === 'pin') message.isPinned = entry.action === 'added'
  if (type === 'reaction') {
    const users = message.reactions.get(entry.key ?? '') ?? new Set()
    if (entry.action === 'added') users.add(user_id)
    else users.delete(user_id)
    // After an erasure of the message's author, `entry.count` is not checked. If the first erasure missed the message, the
    // service counts its reactions until the second erasure, but `fold` has already removed them.
    if (users.size !== entry.count && !message.isAuthorErased)
      wrong.push(`the reaction ${seq} has the count ${entry.count} instead of ${users.size}`)
    message.reactions.set(entry.key ?? '', users)
  }
  return wrong
}

const stateOf = ({ content, mentions, isPinned, reactions }: Folded): Message => ({
  content,
  reactions: shown(new Map([...reactions].map(([key, { size }]) => [key, size]))),
  ...(isPinned ? { pinned: true } : {}),
  ...(mentions.length > 0 ? { mentions: [...mentions].sort((one, other) => one - other) } : {})
})

/** Returns counts as `key=count`, sorted by key. Omits keys that nobody uses. */
export const shown = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts]
    .filter(([, count]) => count > 0)
    .map(([key, count]) => `${key}=${count}`)
    .sort()
