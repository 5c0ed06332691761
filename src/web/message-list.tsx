/**
 * Renders the messages of a room by day. Loads older messages when the user scrolls up, and shows a button that scrolls to the
 * newest messages.
 */
import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, RoomState } from '../../client/src/index.ts'
import { Down } from './icons.tsx'
import { groupMessages } from './message-groups.ts'
import { MessageGroup } from './messages.tsx'
import { isAtEnd, useScrollPosition } from './scroll-position.ts'
import { dayName } from './times.ts'

interface MessageListProps {
  readonly room: Room
  readonly state: RoomState
  readonly title: string
  readonly identity: ChatClient['identity']
  /**
   * Set to a function that scrolls to the end after the next change. The parent calls this function when the user sends a
   * message.
   */
  readonly onSend: RefObject<() => void>
}

const PAGE = 50

export const MessageList = ({ room, state, title, identity, onSend }: MessageListProps) => {
  const box = useRef<HTMLDivElement>(null)
  const { messages, outgoing, hasOlder, isLoadingOlder } = state
  const me = { id: identity?.user_id, username: identity?.username ?? '' }
  // Memoized, so that Preact compares the rendered messages only when the messages change.
  const shown = useMemo(
    () => <Days days={groupMessages(messages, outgoing, me)} room={room} />,
    [messages, outgoing, me.id]
  )
  const { scrollToNext } = useScrollPosition(box, shown)
  onSend.current = scrollToNext
  const [isFailed, setFailed] = useState(false)
  const [leftAt, setLeftAt] = useState<number>()

  const load = (): void => {
    setFailed(false)
    room.older(PAGE).catch(() => setFailed(true))
  }
  const loadIfNear = (): void => {
    const { current } = box
    if (!current || isFailed || !hasOlder || isLoadingOlder) return
    if (current.scrollTop < 1.5 * current.clientHeight) load()
  }
  const onScroll = (): void => {
    loadIfNear()
    if (!box.current) return
    if (isAtEnd(box.current)) setLeftAt(undefined)
    else setLeftAt(before => before ?? messages.at(-1)?.seq ?? 0)
  }

  // Loads the newest page if no message is loaded yet. `older` waits until the room is joined.
  useEffect(() => {
    if (messages.length === 0) load()
  }, [])
  useEffect(loadIfNear, [state])

  const fresh =
    leftAt === undefined ? 0 : messages.filter(({ seq, user_id }) => seq > leftAt && user_id !== me.id).length
  // Scrolls without animation, because a page of history that arrives during the animation would stop it.
  const toEnd = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }
  const isEmpty = messages.length === 0 && outgoing.length === 0
  return (
    <div class="list-place">
      {isLoadingOlder && <div class="spinner" aria-hidden="true" />}
      {/* Not a live region, because screen readers must not read older pages. `Announcer` announces new messages. */}
      <div
        ref={box}
        class="list"
        role="log"
        aria-live="off"
        aria-label={`Messages in ${title}`}
        aria-busy={isLoadingOlder}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard.
        tabIndex={0}
        onScroll={onScroll}
      >
        <div class="column">
          {isFailed && (
            <p class="note">
              Older messages could not be loaded.{' '}
              <button type="button" onClick={load}>
                Try again
              </button>
            </p>
          )}
          {!hasOlder && !isLoadingOlder && state.status !== 'joining' && <Beginning title={title} isEmpty={isEmpty} />}
          {shown}
        </div>
      </div>
      {leftAt !== undefined && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Down />
          {fresh > 0 ? `${fresh} new` : 'Newest'}
        </button>
      )}
    </div>
  )
}

const Days = ({ days, room }: { readonly days: ReturnType<typeof groupMessages>; readonly room: Room }) => (
  <>
    {days.map(day => (
      <section key={day.key} class="day" aria-label={dayName(day.at)}>
        <h2>
          <span>{dayName(day.at)}</span>
        </h2>
        {day.groups.map(group => (
          <MessageGroup key={group.key} group={group} room={room} />
        ))}
      </section>
    ))}
  </>
)

const Beginning = ({ title, isEmpty }: { readonly title: string; readonly isEmpty: boolean }) => (
  <div class="beginning">
    <span aria-hidden="true">#</span>
    <p>
      <strong dir="auto">{title}</strong>
      {isEmpty ? 'There are no messages yet. Write the first one.' : 'This is the beginning of the room.'}
    </p>
  </div>
)
