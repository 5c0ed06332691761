/** Converts entries of the log that change the room or its members to notes, which the page shows between the messages. */
import type { RoomSettings } from '../../client/src/index.ts'
import type { MemberRole } from './room-entry.ts'

/** An entry that changes the room or its members. */
export interface Note {
  readonly seq: number
  /** Time in milliseconds since the epoch. */
  readonly at: number
  readonly userId: number
  readonly username: string
  readonly change: MembershipChange | RoomChange | PinChange
}

export interface MembershipChange {
  readonly type: 'membership'
  /** The id of the user whose membership changed. */
  readonly subject: number
  readonly event: string
  readonly role?: MemberRole
  /** When a mute or a ban ends. Absent if it has no end. */
  readonly until?: string
  /** The reason of a mute or a ban. */
  readonly reason?: string
}

/** A change of the settings. The title and the topic are null if they were removed. */
export interface RoomChange extends RoomSettings {
  readonly type: 'room'
}

/** A message was pinned or unpinned. */
export interface PinChange {
  readonly type: 'pin'
  /** The `seq` of the message. */
  readonly target: number
  readonly action: 'added' | 'removed'
}

type Entry = Readonly<Record<string, unknown>>

/** Maximum number of notes in memory. */
export const MAX_NOTES = 1000

/** Converts an entry to a note. Returns undefined if the entry has another type. */
export const noteOf = (entry: Entry): Note | undefined => {
  const { type, seq, timestamp, user_id: userId, username } = entry
  if (type !== 'membership' && type !== 'room' && type !== 'pin') return undefined
  return {
    seq: Number(seq),
    at: Date.parse(String(timestamp)),
    userId: Number(userId),
    username: String(username),
    change: entry as unknown as Note['change']
  }
}

/** Adds notes, and returns all notes ascending by `seq`, each once. Removes the oldest if there are more than `MAX_NOTES`. */
export const withNotes = (notes: readonly Note[], more: readonly Note[]): readonly Note[] => {
  const known = new Set(notes.map(({ seq }) => seq))
  const added = more.filter(({ seq }) => !known.has(seq))
  if (added.length === 0) return notes
  return [...notes, ...added].sort((one, other) => one.seq - other.seq).slice(-MAX_NOTES)
}

/** Replaces the name of a deleted user in the notes before the entry `seq`. */
export const withoutName = (
  notes: readonly Note[],
  { userId, username, seq }: { readonly userId: number; readonly username: string; readonly seq: number }
): readonly Note[] => notes.map(note => (note.userId === userId && note.seq < seq ? { ...note, username } : note))

/** Returns the ids of the users, except `me`, whose membership somebody else changed. Notes show the names of these users. */
export const subjectsOfOthers = (notes: readonly Note[], me: number | undefined): number[] =>
  notes.flatMap(({ userId, change }) =>
    change.type === 'membership' && change.subject !== userId && change.subject !== me ? change.subject : []
  )

/** Returns the ids of the users whose membership changed. */
export const subjectsOf = (notes: readonly Note[]): number[] =>
  notes.flatMap(({ change }) => (change.type === 'membership' ? change.subject : []))
