/** Describes the entries about members, pins and the settings of a room in sentences. */
import type { MembershipFrame, PinFrame, RoomFrame } from '../../../client/src/index.ts'
import { dayAndTimeOf, durationOf } from './times.ts'

/** Returns the sentence for a change of members. `name` is the name of the subject, and `userId` the id of the reader. */
export const membershipLine = (entry: MembershipFrame, name: string, userId: number | undefined): string => {
  const { user_id: authorId, username, subject, event, role = 'member' } = entry
  const all = entry.subjects ?? [subject]
  const isMe = all.some(id => id === userId)
  const [who, is, was] = isMe ? ['You', 'are', 'were'] : [name, 'is', 'was']
  if (event === 'joined') return `${who} became a member`
  if (event === 'left') return `${who} ${is} no longer a member`
  if (all.length > 1) return `${who} and ${all.length - 1} other${all.length === 2 ? '' : 's'} were added`
  // The host application is not a user, so its entries have the subject as their author. The sentence for such an entry names
  // no author.
  const author = authorId === subject ? undefined : authorId === userId ? 'You' : username
  const whom = isMe ? 'you' : name
  const withRole = role === 'member' ? '' : ` as ${article(role)}`
  if (event === 'added') return author ? `${author} added ${whom}${withRole}` : `${who} ${was} added${withRole}`
  if (event === 'removed') return author ? `${author} removed ${whom}` : `${who} ${was} removed`
  if (event !== 'role_changed') {
    const until = entry.until === undefined ? '' : ` until ${dayAndTimeOf(entry.until)}`
    const reason = entry.reason === undefined ? '' : `: ${entry.reason}`
    return `${author ? `${author} ${event} ${whom}` : `${who} ${was} ${event}`}${until}${reason}`
  }
  return author ? `${author} made ${whom} ${article(role)}` : `${who} ${is} now ${article(role)}`
}

/** Returns the sentences for a change of the settings. */
export const roomLines = (entry: RoomFrame, userId?: number): string[] => {
  const { title, topic, slow_mode_seconds: seconds, archived, invite, retention_days: days } = entry
  const changes = [
    textChange('title', title),
    textChange('topic', topic),
    seconds === undefined ? [] : [seconds === 0 ? 'turned off slow mode' : `set slow mode to ${durationOf(seconds)}`],
    archived === undefined ? [] : [archived ? 'archived the room: nobody can post' : 'ended the archive of the room'],
    invite === undefined ? [] : [`allowed ${invite === 'members' ? 'all members' : 'only moderators'} to add people`],
    days === undefined ? [] : [days === null ? 'removed the limit of days' : `limited the messages to ${days} days`],
    entry.deleted ? ['deleted the room'] : []
  ]
  const author = authorOf(entry, userId)
  return changes.flat().map(change => `${author} ${change}`)
}

const textChange = (field: string, value: string | null | undefined): string[] => {
  if (value === undefined) return []
  return [value === null ? `removed the ${field}` : `changed the ${field} to: ${value}`]
}

export const pinLine = (entry: PinFrame, userId?: number): string =>
  `${authorOf(entry, userId)} ${entry.action === 'added' ? 'pinned' : 'unpinned'} #${entry.target}`

const authorOf = ({ user_id, username }: RoomFrame | PinFrame, userId: number | undefined): string =>
  user_id === userId ? 'You' : username

const article = (role: string): string => `${/^[aeiou]/.test(role) ? 'an' : 'a'} ${role}`
