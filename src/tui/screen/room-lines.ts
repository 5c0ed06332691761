/** Describes the entries about members, the title and the topic of a room in sentences. */
import type { MembershipFrame, RoomFrame } from '../../../client/src/index.ts'

/** Returns the sentence for a change of members. `name` is the name of the subject, and `userId` the id of the reader. */
export const membershipLine = (entry: MembershipFrame, name: string, userId: number | undefined): string => {
  const { user_id: authorId, username, subject, event, role = 'member' } = entry
  const all = entry.subjects ?? [subject]
  const isMe = all.some(id => id === userId)
  const [who, is, was] = isMe ? ['You', 'are', 'were'] : [name, 'is', 'was']
  if (event === 'joined') return `${who} became a member`
  if (event === 'left') return `${who} ${is} no longer a member`
  if (all.length > 1) return `${who} and ${all.length - 1} other${all.length === 2 ? '' : 's'} were added`
  // If the host application makes a change, the subject is the author.
  const author = authorId === subject ? undefined : authorId === userId ? 'You' : username
  const whom = isMe ? 'you' : name
  const withRole = role === 'member' ? '' : ` as ${article(role)}`
  if (event === 'added') return author ? `${author} added ${whom}${withRole}` : `${who} ${was} added${withRole}`
  if (event === 'removed') return author ? `${author} removed ${whom}` : `${who} ${was} removed`
  return author ? `${author} made ${whom} ${article(role)}` : `${who} ${is} now ${article(role)}`
}

/** Returns the sentences for a change of the title and the topic. */
export const roomLines = ({ user_id: authorId, username, title, topic }: RoomFrame, userId?: number): string[] => {
  const author = authorId === userId ? 'You' : username
  const lineOf = (field: string, value: string | null | undefined): string[] => {
    if (value === undefined) return []
    return [value === null ? `${author} removed the ${field}` : `${author} changed the ${field} to: ${value}`]
  }
  return [...lineOf('title', title), ...lineOf('topic', topic)]
}

const article = (role: string): string => `${/^[aeiou]/.test(role) ? 'an' : 'a'} ${role}`
