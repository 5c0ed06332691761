/** Defines which actions a user can take on a message, and which of them the service accepts. */
import type { Message, OutgoingChange } from '../../../client/src/index.ts'

/** The functions that the components of a message call. */
export interface MessageActions {
  readonly may: Permissions
  reply(message: Message): void
  edit(message: Message): void
  /** Discards an edit that the service has refused, and puts its text into the composer. */
  editAgain(change: OutgoingChange): void
  /** Deletes a message after a few seconds, unless `undo` is called in that time. */
  remove(message: Message): void
  undo(seq: number): void
  /** Stops the timer of a deletion while the pointer or the focus is on Undo. */
  hold(seq: number, isHeld: boolean): void
  /** Adds the user's reaction, or removes it. */
  toggle(message: Message, key: string): void
  /** Pins a message, or unpins it. */
  pin(message: Message): void
  /** `report` opens the dialog to report a message. `block` opens the dialog to block its author, or to end the block. */
  report(message: Message): void
  block(message: Message): void
  /** The ids of the users whom the user has blocked. */
  readonly blocked: ReadonlySet<number>
  /** Shows a message and sets the focus to it. Loads older messages if necessary. */
  jump(seq: number): void
  /** Returns the names of the first users who reacted with a key. */
  reactors(seq: number, key: string): Promise<readonly string[]>
  retry(nonce: string): void
  discard(nonce: string): void
}

/** The actions that the service accepts from the user. The page hides all other actions. */
export interface Permissions {
  readonly reply: boolean
  readonly edit: boolean
  readonly remove: boolean
  readonly react: boolean
  readonly pin: boolean
  /** Whether the user may delete messages of others. */
  readonly moderate: boolean
  /** Whether the user may report the message and block its author. */
  readonly report: boolean
}

/** The rights of the user in a room. */
export interface RoomRights {
  readonly pin: boolean
  readonly moderate: boolean
}

export const permissionsOf = (features: readonly string[] = [], rights: RoomRights): Permissions => ({
  // Releases that support replies list the feature `message`. Older releases list no features.
  reply: features.includes('message'),
  edit: features.includes('edit'),
  remove: features.includes('deletion'),
  react: features.includes('reaction'),
  pin: features.includes('pin') && rights.pin,
  moderate: rights.moderate,
  report: true
})

/** Returns which actions the user can take on this message, or undefined if there are none. */
export const permissionsFor = (
  { content, unavailable }: Message,
  isOwn: boolean,
  may: Permissions
): Permissions | undefined => {
  if (content === null && unavailable === 'erased') return undefined
  return {
    ...may,
    edit: may.edit && isOwn && content !== null,
    remove: may.remove && (isOwn || may.moderate),
    pin: may.pin && content !== null,
    report: !isOwn
  }
}
