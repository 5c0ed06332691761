/**
 * Computes the items of the inbox and their totals. The number of unread messages is the number of all messages minus the number
 * of messages that the user has read.
 */
import type { InboxItem, InboxTotal } from './inbox-types.ts'

/** The fields of a room in a frame: all of them, or only those that changed. */
export type Update = Pick<InboxItem, 'room'> & Partial<Omit<InboxItem, 'title'>> & { readonly title?: string | null }

export const isItem = (update: Update): update is Update & InboxItem => update.visibility !== undefined

export const withUnread = (item: InboxItem): InboxItem =>
  Object.freeze({ ...item, unread: Math.max(0, item.messages - item.read_messages) })

/** Returns the item with all its messages read. Keeps `marked_unread`. */
export const withAllRead = (item: InboxItem): InboxItem =>
  withUnread({ ...item, read_messages: item.messages, mentions: 0 })

/** Returns the item with all its messages read, and with `marked_unread` false. */
export const markedRead = (item: InboxItem): InboxItem => withAllRead({ ...item, marked_unread: false })

export const merged = ({ title: before, ...item }: InboxItem, { title = before, ...given }: Update): InboxItem => ({
  ...item,
  ...given,
  ...(title == null ? {} : { title })
})

export const totalOf = (items: Iterable<InboxItem>): InboxTotal => {
  const total = { unread_rooms: 0, mentions: 0 }
  for (const { unread, mentions, marked_unread } of items) {
    if (unread > 0 || marked_unread) total.unread_rooms++
    total.mentions += mentions
  }
  return total
}
