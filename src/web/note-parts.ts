/** Describes a note as a sentence about a change of the room or of its members, such as `jane added mary`. */
import type { MembershipChange, Note, RoomChange } from './notes.ts'
import { durationOf, shortTime } from './times.ts'

/** A part of the sentence: text of the page, or text of a user, which may have another direction. */
export type Part = string | { readonly given: string }

export interface NoteContext {
  readonly note: Note
  /** The names of users, by id. */
  readonly names: ReadonlyMap<number, string>
  /** The id of the authenticated user. */
  readonly me: number | undefined
}

const ROLES: Readonly<Record<string, string>> = { member: 'a member', moderator: 'a moderator', owner: 'an owner' }
/** Used for a user whose name the page does not know. */
const UNKNOWN = 'somebody'

/** Returns the parts of the sentence, without a full stop. */
export const partsOf = ({ note, names, me }: NoteContext): readonly Part[] => {
  const { userId, username, change } = note
  const author = userId === me ? 'You' : { given: username }
  if (change.type === 'room') return [author, ...roomChangeOf(change, userId === me)]
  if (change.type === 'pin') return [author, change.action === 'added' ? ' pinned a message' : ' unpinned a message']
  const { subject, event, role = '' } = change
  if (event === 'joined' || event === 'left') return [author, ` ${event} the room`]
  const name = names.get(subject)
  const object = subject === me ? 'you' : name === undefined ? UNKNOWN : { given: name }
  if (event !== 'role_changed') return [author, ` ${event} `, object, untilOf(change), ...reasonOf(change)]
  // Owners can change their own role.
  if (subject === userId) return [author, ` became ${ROLES[role] ?? role}`]
  return [author, ' made ', object, ` ${ROLES[role] ?? role}`]
}

const untilOf = ({ until }: MembershipChange): string => (until ? ` until ${shortTime(Date.parse(until))}` : '')

const reasonOf = ({ reason }: MembershipChange): readonly Part[] => (reason ? [': “', { given: reason }, '”'] : [])

const roomChangeOf = (change: RoomChange, isMe: boolean): readonly Part[] => {
  const { title, topic, slow_mode_seconds: seconds, archived, invite, retention_days: days } = change
  const parts: readonly Part[][] = [
    fieldChangeOf('title', title),
    fieldChangeOf('topic', topic),
    seconds === undefined ? [] : [seconds === 0 ? ' turned off slow mode' : ` set slow mode to ${durationOf(seconds)}`],
    archived === undefined ? [] : [archived ? ' archived the room' : ' restored the room from the archive'],
    invite === undefined
      ? []
      : [` now ${isMe ? 'let' : 'lets'} ${invite === 'members' ? 'all members' : 'only moderators'} add people`],
    days === undefined ? [] : [days === null ? ' removed the limit of days' : ` limited the messages to ${days} days`]
  ]
  return parts.filter(part => part.length > 0).flatMap((part, at) => (at === 0 ? part : [' and', ...part]))
}

const fieldChangeOf = (field: string, value: string | null | undefined): Part[] => {
  if (value === undefined) return []
  return value === null ? [` removed the ${field}`] : [` changed the ${field} to “`, { given: value }, '”']
}
