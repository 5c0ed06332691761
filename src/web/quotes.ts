/** Derives the quote that a reply shows: the author and the beginning of the quoted message. */
import type { Message } from '../../client/src/index.ts'

export interface Quote {
  readonly seq: number
  /** The author; undefined if the message is not known. */
  readonly username?: string | undefined
  /** The beginning of the message; undefined if it can't be shown. */
  readonly excerpt?: string | undefined
  /** The reason why there is no excerpt, as a text that is shown instead. */
  readonly note?: string
}

/** Maximum number of characters of an excerpt. More characters are never visible, because a quote is one line. */
const MAX_LENGTH = 140

const NOTES = { erased: 'Message deleted', expired: 'Message no longer available', key: 'Message cannot be shown' }

/**
 * Returns the quote of the message `seq`. Uses the message that `find` returns. If the message is not loaded, uses `reply`.
 */
export const quoteOf = (
  seq: number,
  find: (seq: number) => Message | undefined,
  reply?: NonNullable<Message['reply']>
): Quote => {
  const message = find(seq)
  if (message) {
    const { username, content, unavailable = 'key' } = message
    return content === null
      ? { seq, username, note: NOTES[unavailable] }
      : { seq, username, excerpt: excerptOf(content) }
  }
  if (!reply) return { seq, note: 'An earlier message' }
  const { username, excerpt, unavailable } = reply
  return excerpt === undefined
    ? { seq, username, note: NOTES[unavailable ?? 'key'] }
    : { seq, username, excerpt: excerptOf(excerpt) }
}

/** Returns the beginning of a text in one line. */
export const excerptOf = (text: string): string => {
  const start = text
    .slice(0, 2 * MAX_LENGTH)
    .replace(/\s+/g, ' ')
    .trim()
  return start.length > MAX_LENGTH ? `${start.slice(0, MAX_LENGTH).replace(/[\ud800-\udbff]$/, '')}…` : start
}
