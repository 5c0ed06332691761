/** Renders a note: a sentence about a change of the room or of its members, such as `jane added mary`. */
import type { ComponentChildren } from 'preact'
import type { Note, RoomChange } from './notes.ts'
import { clockTime, fullTime } from './times.ts'

interface NoteLineProps {
  readonly note: Note
  /** The names of users, by id. */
  readonly names: ReadonlyMap<number, string>
  /** The id of the user of this page. */
  readonly me: number | undefined
}

export const NoteLine = (props: NoteLineProps) => {
  const { at } = props.note
  return (
    <p class="note-line" title={fullTime(at)}>
      {sentenceOf(props)} <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
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
  const { subject, event, role = '' } = change
  if (event === 'joined' || event === 'left') return [author, ` ${event} the room`]
  const name = names.get(subject)
  const object = subject === me ? 'you' : name === undefined ? UNKNOWN : <bdi>{name}</bdi>
  if (event !== 'role_changed') return [author, ` ${event} `, object]
  // Owners can change their own role.
  if (subject === userId) return [author, ` became ${ROLES[role] ?? role}`]
  return [author, ' made ', object, ` ${ROLES[role] ?? role}`]
}

const roomChangeOf = ({ title, topic }: RoomChange): ComponentChildren[] => [
  ...fieldChangeOf('title', title),
  ...(title !== undefined && topic !== undefined ? [' and'] : []),
  ...fieldChangeOf('topic', topic)
]

const fieldChangeOf = (field: string, value: string | null | undefined): ComponentChildren[] => {
  if (value === undefined) return []
  return value === null
    ? [` removed the ${field}`]
    : [` changed the ${field} to “`, <bdi key={field}>{value}</bdi>, '”']
}
