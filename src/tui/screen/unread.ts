/** Describes the unread messages of rooms. */
import type { InboxItem, InboxState } from '../../../client/src/index.ts'

/** Maximum number of rooms that the status line names. */
const MAX_NAMED = 5
/** Maximum number of mentions that the inbox counts. */
const MAX_MENTIONS = 100

const plural = (count: string | number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const mentionsText = (mentions: number): string[] =>
  mentions === 0 ? [] : [plural(mentions >= MAX_MENTIONS ? `${MAX_MENTIONS}+` : mentions, 'mention')]

/** Returns a text such as `3 unread, 1 mention`, or `marked as unread`. Returns an empty text for a room that is not unread. */
export const countsOf = ({ unread, mentions, marked_unread: isMarked }: InboxItem): string => {
  const counts = [...(unread > 0 ? [`${unread} unread`] : []), ...mentionsText(mentions)]
  return counts.length === 0 && isMarked ? 'marked as unread' : counts.join(', ')
}

/** Returns the line about the unread rooms, without the room `current`. Returns an empty text if there are none. */
export const unreadLine = (
  { rooms, total }: InboxState,
  current: string,
  labelOf: (item: InboxItem) => string
): string => {
  const unread = rooms.filter(item => countsOf(item) !== '')
  const others = unread.filter(({ room }) => room !== current)
  const shown = others.slice(0, MAX_NAMED).map(item => `${labelOf(item)} (${countsOf(item)})`)
  const more = total.unread_rooms - (unread.length - others.length) - shown.length
  const texts = [...shown, ...(more > 0 ? [plural(more, shown.length === 0 ? 'room' : 'more room')] : [])]
  return texts.length === 0 ? '' : `unread: ${texts.join(', ')}`
}
