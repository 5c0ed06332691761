/** A message's way into the log: checked, sealed, committed; then its sender is answered, and then everybody else. */
import type { Bus } from '../bus/bus.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { ChatError } from '../errors.ts'
import type { Actor } from './access.ts'
import { type Draft, type Entry, entryOf, isSameEntry, sealEntry } from './entries.ts'
import type { Hub } from './hub.ts'
import { messageText, metaText } from './protocol.ts'
import type { Room } from './room.ts'
import type { Writer } from './writer.ts'

/** A message as its sender gives it. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** What became of a post: its entry, and whether it was there before; or why there is none. */
export type Posted = { readonly error: ChatError } | { readonly entry: Entry; readonly isReplay: boolean }

export interface PostingOptions {
  readonly writer: Writer
  readonly keyring: Keyring
  readonly hub: Hub
  readonly bus: Bus
  /** Messages a second and user, for the refusal's words. */
  readonly messageRate: number
  readonly maxMessageLength: number
  readonly isDraining: () => boolean
}

/**
 * Makes the one function that posts. It throws a ChatError when a post is refused at once; otherwise `posted` is called
 * once, after the commit or with why there was none, and before anyone else hears of the message.
 */
export const createPosting = ({ writer, keyring, hub, bus, ...options }: PostingOptions) => {
  const { messageRate, maxMessageLength, isDraining } = options

  return ({ userId, username }: Actor, room: Room, post: Post, posted: (outcome: Posted) => void): void => {
    const content = messageText(post.content, maxMessageLength)
    const draft: Draft = { room, userId, username, content, meta: metaText(post.meta), nonce: post.nonce }
    if (isDraining()) throw new ChatError('unavailable', 'The service restarts. Send the message again in a moment.')
    const retryAfterMs = hub.takeMessage(userId)
    if (retryAfterMs > 0) {
      const detail = `You send more than ${messageRate} messages a second. Wait before you send the next one.`
      throw new ChatError('rate_limited', detail, { retryAfterMs })
    }
    writer.append(sealEntry(draft, keyring), outcome => {
      if ('error' in outcome) return posted(outcome)
      const { appended } = outcome
      if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) return posted({ error: nonceReused() })
      const entry = entryOf(draft, appended)
      posted({ entry, isReplay: appended.replayed })
      // News even when it is a replay: the first commit's answer may have been lost.
      if (room.committed(entry)) bus.announce(room.id, entry.seq)
    })
  }
}

const nonceReused = (): ChatError =>
  new ChatError('nonce_reused', 'This nonce was used for another message in this room. Use a new nonce.')
