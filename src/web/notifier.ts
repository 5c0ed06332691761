/** Shows notifications of the browser about direct messages and mentions while the window does not have the focus. */
import type { RoomEntry } from './room-entry.ts'
import { goTo } from './room-link.ts'
import type { Rooms } from './rooms.ts'

type List = readonly RoomEntry[]

/** Returns the rooms with a new mention, and the direct rooms with a new message. */
export const newsOf = (before: List, after: List): RoomEntry[] => {
  const known = new Map(before.map(entry => [entry.name, entry]))
  return after.filter(({ name, visibility, mentions, unread }) => {
    const { mentions: knownMentions = 0, unread: knownUnread = 0 } = known.get(name) ?? {}
    return mentions > knownMentions || (visibility === 'direct' && unread > knownUnread)
  })
}

/** Returns a sentence without the text of a message, because other people may see the screen. */
export const sentenceOf = ({ visibility, title }: RoomEntry): string =>
  visibility === 'direct' ? `New message from ${title}` : `You were mentioned in ${title}`

/** Starts to show notifications. Returns a function that ends them. */
export const startNotifier = (rooms: Rooms): (() => void) => {
  // Undefined until the counts are known. Otherwise, older unread messages would be shown as new when the counts arrive.
  let before = rooms.isReady ? rooms.list : undefined
  return rooms.subscribe(() => {
    const isWatched = document.visibilityState === 'visible' && document.hasFocus()
    if (before && !isWatched && Notification.permission === 'granted') newsOf(before, rooms.list).forEach(show)
    before = rooms.isReady ? rooms.list : undefined
  })
}

const show = (entry: RoomEntry): void => {
  try {
    // A later notification about the same room replaces this one.
    const notification = new Notification('Chat', { body: sentenceOf(entry), tag: entry.name })
    notification.onclick = () => {
      window.focus()
      goTo(entry.name)
      notification.close()
    }
  } catch {
    // Some phones allow notifications only from service workers. The page has no service worker, so nothing is shown.
  }
}
