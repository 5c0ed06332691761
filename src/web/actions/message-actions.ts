/** Defines what a user can do with a message, and which of it the service accepts. */
import type { Message, OutgoingChange } from '../../../client/src/index.ts'

/** The functions of a room that the messages call. */
export interface MessageActions {
  readonly may: Permissions
  reply(message: Message): void
  edit(message: Message): void
  /** Discards an edit that the service has refused, and puts its text into the composer. */
  editAgain(change: OutgoingChange): void
  /** Deletes a message after a few seconds, unless `undo` is called before. */
  remove(message: Message): void
  undo(seq: number): void
  /** Stops the time of a deletion while the user is about to choose Undo. */
  hold(seq: number, isHeld: boolean): void
  /** Adds the user's reaction, or removes it. */
  toggle(message: Message, key: string): void
  /** Shows a message and sets the focus to it. Loads older messages if necessary. */
  jump(seq: number): void
  /** Returns the names of the first users who reacted with a key. */
  reactors(seq: number, key: string): Promise<readonly string[]>
  retry(nonce: string): void
  discard(nonce: string): void
}

/** The kinds of changes that the service accepts. The page hides the others. */
export interface Permissions {
  readonly reply: boolean
  readonly edit: boolean
  readonly remove: boolean
  readonly react: boolean
}

export const permissionsOf = (features: readonly string[] = []): Permissions => ({
  // An older service lists no features, and knows no replies.
  reply: features.includes('message'),
  edit: features.includes('edit'),
  remove: features.includes('deletion'),
  react: features.includes('reaction')
})

/** Returns what the user can do with this message. Returns undefined if that is nothing. */
export const permissionsFor = (
  { content, unavailable }: Message,
  isOwn: boolean,
  may: Permissions
): Permissions | undefined => {
  if (content === null && unavailable === 'erased') return undefined
  return { ...may, edit: may.edit && isOwn && content !== null, remove: may.remove && isOwn }
}
