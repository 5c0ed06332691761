/** Renders a note: a sentence about a change of the room or of its members, such as `jane added mary`. */
import type { ComponentChildren } from 'preact'
import type { MembershipChange, Note, RoomChange } from './notes.ts'
import { clockTime, durationOf, fullTime } from './times.ts'

interface NoteLineProps {
  readonly note: Note
  /** The names of users, by id. */
  readonly names: ReadonlyMap<number, string>
  /** The id of the user of this page. */
  readonly me: number | undefined
  /** Called to show a message. */
  readonly onJump?: (seq: number) => void
}

export const NoteLine = (props: NoteLineProps) => {
  const { at, change } = props.note
  const { onJump } = props
  return (
    <p class="note-line" title={fullTime(at)}>
      {sentenceOf(props)}{' '}
      {change.type === 'pin' && change.action === 'added' && onJump && (
        <button type="button" onClick={() => onJump(change.target)}>
          Show
        </button>
      )}{' '}
      <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
    </p>
  )
}

const ROLES: Readonly<Record<string, string>> = { member: 'a member', moderator: 'a moderator', owner: 'an owner' }
/** Used for a user whose name the page does not know. */
const UNKNOWN = 'somebody'

/** Returns the sentence, without a full stop. */
export const sentenceOf = ({ note, names, me }: NoteLineProps): ComponentChildren[] => {
  const { userId, username, change } = note
  const author = userId === me ? 'You' : <bdi>{username}</bdi>
  if (change.type === 'room') return [author, ...roomChangeOf(change)]
  if (change.type === 'pin') return [author, change.action === 'added' ? ' pinned a message' : ' unpinned a message']
  const { subject, event, role = '' } = change
  if (event === 'joined' || event === 'left') return [author, ` ${event} the room`]
  const name = names.get(subject)
  const object = subject === me ? 'you' : name === undefined ? UNKNOWN : <bdi>{name}</bdi>
  if (event !== 'role_changed') return [author, ` ${event} `, object, untilOf(change)]
  // Owners can change their own role.
  if (subject === userId) return [author, ` became ${ROLES[role] ?? role}`]
  return [author, ' made ', object, ` ${ROLES[role] ?? role}`]
}

const untilOf = ({ until }: MembershipChange): string => (until ? ` until ${fullTime(Date.parse(until))}` : '')

const roomChangeOf = (change: RoomChange): ComponentChildren[] => {
  const { title, topic, slow_mode_seconds: seconds, archived, invite } = change
  const parts: ComponentChildren[][] = [
    fieldChangeOf('title', title),
    fieldChangeOf('topic', topic),
    seconds === undefined ? [] : [seconds === 0 ? ' turned off slow mode' : ` set slow mode to ${durationOf(seconds)}`],
    archived === undefined ? [] : [archived ? ' archived the room' : ' restored the room from the archive'],
    invite === undefined ? [] : [` now lets ${invite === 'members' ? 'all members' : 'only moderators'} add people`]
  ]
  return parts.filter(part => part.length > 0).flatMap((part, at) => (at === 0 ? part : [' and', ...part]))
}

const fieldChangeOf = (field: string, value: string | null | undefined): ComponentChildren[] => {
  if (value === undefined) return []
  return value === null
    ? [` removed the ${field}`]
    : [` changed the ${field} to “`, <bdi key={field}>{value}</bdi>, '”']
}
