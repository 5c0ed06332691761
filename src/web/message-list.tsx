/** The messages of a room by day, older ones loaded as one scrolls up, with a way back to the newest. */
import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, RoomState } from '../client/index.ts'
import { arrange } from './arranging.ts'
import { Down } from './icons.tsx'
import { MessageGroup } from './messages.tsx'
import { isAtEnd, usePlace } from './place.ts'
import { dayName } from './times.ts'

interface MessageListProps {
  readonly room: Room
  readonly state: RoomState
  readonly title: string
  readonly identity: ChatClient['identity']
  /** Called by the owner when something was sent: the list then shows its end. */
  readonly onSend: RefObject<() => void>
}

const PAGE = 50

export const MessageList = ({ room, state, title, identity, onSend }: MessageListProps) => {
  const box = useRef<HTMLDivElement>(null)
  const { messages, outgoing, hasOlder, isLoadingOlder } = state
  const me = { id: identity?.user_id, username: identity?.username ?? '' }
  // The same objects as long as nothing was said: then Preact compares nothing below.
  const shown = useMemo(() => <Days days={arrange(messages, outgoing, me)} room={room} />, [messages, outgoing, me.id])
  const { follow } = usePlace(box, shown)
  onSend.current = follow
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

  // The newest page; waits for the room to be joined.
  useEffect(() => {
    if (messages.length === 0) load()
  }, [])
  useEffect(loadIfNear, [state])

  const fresh =
    leftAt === undefined ? 0 : messages.filter(({ seq, user_id }) => seq > leftAt && user_id !== me.id).length
  // At once: a page of history that comes while it scrolls smoothly would stop it.
  const toEnd = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }
  const isEmpty = messages.length === 0 && outgoing.length === 0
  return (
    <div class="list-place">
      {isLoadingOlder && <div class="spinner" aria-hidden="true" />}
      {/* Not live: what older pages bring must not be read aloud; `Announcer` says what is new. */}
      <div
        ref={box}
        class="list"
        role="log"
        aria-live="off"
        aria-label={`Messages in ${title}`}
        aria-busy={isLoadingOlder}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
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

const Days = ({ days, room }: { readonly days: ReturnType<typeof arrange>; readonly room: Room }) => (
  <>
    {days.map(day => (
      <section key={day.key} class="day" aria-label={dayName(day.at)}>
        <h3>
          <span>{dayName(day.at)}</span>
        </h3>
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
      {isEmpty ? 'Nothing was said here yet. Say hello.' : 'This is where it began.'}
    </p>
  </div>
)
