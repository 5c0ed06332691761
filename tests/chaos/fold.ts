/**
 * Computes the messages of a room from the entries of its log, without code of the service. A message has the text of its newest
 * edit. A message without an edit has its first text, and a deleted message has no text. A message has the reactions that were
 * added and not removed.
 */

/** An entry of the log, as in the frames that subscribers receive. */
export interface LogEntry {
  readonly type: string
  readonly seq: number
  readonly user_id: number
  readonly content?: string | null
  readonly unavailable?: string
  readonly nonce?: string
  readonly target?: number
  readonly key?: string
  readonly action?: string
  readonly count?: number
}

/** The state of a message: its text, or null after a deletion, and its reactions as `key=count`, sorted by key. */
export interface Message {
  readonly content: string | null | undefined
  readonly reactions: readonly string[]
}

/** Returns the messages by `seq`, and a description of each reaction whose `count` is wrong. */
export const fold = (log: readonly LogEntry[]): { messages: Map<number, Message>; faults: string[] } => {
  const contents = new Map<number, string | null | undefined>()
  const reactions = new Map<number, Map<string, Set<number>>>()
  const faults: string[] = []
  for (const { type, seq, target = 0, content, key = '', action, count, user_id } of log) {
    if (type === 'message') contents.set(seq, content)
    if (type === 'edit') contents.set(target, content)
    if (type === 'deletion') {
      contents.set(target, null)
      reactions.delete(target)
    }
    if (type === 'reaction') {
      const ofMessage = reactions.get(target) ?? new Map<string, Set<number>>()
      const users = ofMessage.get(key) ?? new Set()
      if (action === 'added') users.add(user_id)
      else users.delete(user_id)
      if (users.size !== count) faults.push(`the reaction ${seq} has the count ${count} instead of ${users.size}`)
      reactions.set(target, ofMessage.set(key, users))
    }
  }
  const messages = new Map(
    [...contents].map(([seq, content]) => [seq, { content, reactions: shown(countsOf(reactions.get(seq))) }])
  )
  return { messages, faults }
}

const countsOf = (users: ReadonlyMap<string, ReadonlySet<number>> = new Map()): Map<string, number> =>
  new Map([...users].map(([key, { size }]) => [key, size]))

/** Returns counts as `key=count`, sorted by key. Omits keys that nobody uses. */
export const shown = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts]
    .filter(([, count]) => count > 0)
    .map(([key, count]) => `${key}=${count}`)
    .sort()
