/** Converts rooms of the inbox to the form that clients receive. */
import type { InboxPerson, InboxRow } from '../../db/database.ts'
import type { InboxItem, InboxTotal, LastMessage } from '../../protocol/http/inbox.ts'

/** The data that items need in addition to their rows: the newest messages, keyed by room id, and the people in direct rooms. */
export interface ItemDetails {
  readonly newest: ReadonlyMap<number, LastMessage>
  readonly people: readonly InboxPerson[]
}

export const unreadOf = ({ messages, readMessages }: InboxRow): number => Math.max(0, messages - readMessages)

export const itemsOf = (rows: readonly InboxRow[], { newest, people }: ItemDetails): InboxItem[] =>
  rows.map(row => {
    const last = newest.get(row.roomId)
    return {
      room: row.room,
      ...(row.title === null ? {} : { title: row.title }),
      visibility: row.visibility,
      seq: row.lastSeq,
      messages: row.messages,
      ...personalOf(row),
      unread: unreadOf(row),
      ...(last ? { last } : {}),
      ...(row.visibility === 'direct' ? { people: peopleIn(people, row.roomId) } : {})
    }
  })

/** Returns the personal fields of an item. Only the user whose inbox contains the item receives these fields. */
export const personalOf = ({ role, readMessages, mentions, isUnread }: InboxRow) => ({
  role,
  read_messages: readMessages,
  mentions,
  marked_unread: isUnread
})

export const totalOf = (rows: readonly InboxRow[]): InboxTotal => ({
  unread_rooms: rows.filter(row => row.isUnread || unreadOf(row) > 0).length,
  mentions: rows.reduce((sum, { mentions }) => sum + mentions, 0)
})

const peopleIn = (people: readonly InboxPerson[], roomId: number) =>
  people.filter(person => person.roomId === roomId).map(({ userId, username }) => ({ user_id: userId, username }))
