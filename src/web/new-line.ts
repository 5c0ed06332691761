/** Finds the first message that the user has not seen, and reports when the user sees the newest message. */
import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { RoomState } from '../../client/src/index.ts'
import { listen } from './hooks.ts'
import { isAtEnd } from './scroll-position.ts'

interface NewLineOptions {
  readonly list: RefObject<HTMLElement>
  readonly state: RoomState
  readonly me: number | undefined
  /** The number of unread messages when the room was opened. Undefined until it is known. */
  readonly unread: number | undefined
  /** Called with the `seq` of the newest message when the user sees it. */
  readonly onSeen: (seq: number) => void
}

/** The messages up to `seen` were seen. The page shows the line “New messages” above the message `from`. */
export interface Seen {
  readonly seen: number
  readonly from: number | undefined
}

type Messages = RoomState['messages']

/** Returns the state when the room is opened: all messages except the last `unread` were seen. */
export const seenAtStart = (messages: Messages, unread: number): Seen => {
  const newest = messages.at(-1)?.seq ?? 0
  if (unread === 0) return { seen: newest, from: undefined }
  const first = messages[messages.length - unread]
  // If more messages are unread than are loaded, the page does not know the first unread one and shows no line.
  return first ? { seen: first.seq - 1, from: first.seq } : { seen: newest, from: undefined }
}

/**
 * Moves the line above the first new message of another user. If the user has not seen the message below the line yet, keeps
 * the line.
 */
export const withNewMessages = ({ seen, from }: Seen, messages: Messages, me: number | undefined): Seen => {
  if (from !== undefined && from > seen) return { seen, from }
  let first = from
  for (let at = messages.length - 1; at >= 0; at--) {
    const message = messages[at]
    if (!message || message.seq <= seen) break
    if (message.user_id !== me) first = message.seq
  }
  return { seen, from: first }
}

/** Returns the `seq` of the message before which the page shows the line. */
export const useNewLine = ({ list, state, me, unread, onSeen }: NewLineOptions): number | undefined => {
  const [from, setFrom] = useState<number>()
  const seen = useRef<Seen>()
  const { messages, outgoing, status } = state

  const look = (): void => {
    const newest = messages.at(-1)?.seq
    if (status !== 'live' || newest === undefined || unread === undefined || !list.current) return
    if (!seen.current) {
      seen.current = seenAtStart(messages, unread)
      setFrom(seen.current.from)
      // The list now scrolls to the line. Whether the list is at its end is known only after the scroll. The scroll event runs
      // `look` again.
      if (seen.current.from !== undefined) return
    }
    const isWatched = document.visibilityState === 'visible' && document.hasFocus() && isAtEnd(list.current)
    if (isWatched) seen.current = { ...seen.current, seen: newest }
    else seen.current = withNewMessages(seen.current, messages, me)
    setFrom(seen.current.from)
    if (isWatched) onSeen(newest)
  }
  const current = useRef(look)
  current.current = look

  useEffect(look, [messages, status, unread === undefined, from])
  useEffect(() => {
    const update = (): void => current.current()
    const stops = [
      listen(window, 'focus', update),
      listen(document, 'visibilitychange', update),
      listen(list.current ?? window, 'scroll', update)
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [])
  // Removes the line when the user sends a message, because the user has then read the messages of the other users.
  useEffect(() => {
    if (!seen.current || outgoing.length === 0) return
    seen.current = { ...seen.current, from: undefined }
    setFrom(undefined)
  }, [outgoing.length > 0])
  return from
}
