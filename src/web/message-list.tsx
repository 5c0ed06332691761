/**
 * Renders the messages of a room by day. Loads older messages when the user scrolls up, and shows a button that scrolls to the
 * newest messages.
 */
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, RoomState } from '../../client/src/index.ts'
import type { MessageActions } from './actions/message-actions.ts'
import { useCurrentChanges } from './failed-changes.ts'
import { Failure } from './failure.tsx'
import { isTouch } from './hooks.ts'
import { Down } from './icons.tsx'
import { focusLine, onListKey } from './line-focus.ts'
import { mentionedPeople, peopleOf } from './mentions.ts'
import { groupMessages } from './message-groups.ts'
import { MessageGroup, preloadControls } from './messages.tsx'
import { useNewLine } from './new-line.ts'
import { subjectsOf } from './notes.ts'
import { readersIn, readersOf } from './receipts.ts'
import type { Visibility } from './room-entry.ts'
import { RoomMark } from './room-mark.tsx'
import { isAtEnd, useScrollPosition } from './scroll-position.ts'
import { dayName } from './times.ts'
import type { Notes } from './use-notes.ts'

interface MessageListProps {
  readonly room: Room
  readonly state: RoomState
  readonly title: string
  readonly visibility: Visibility | undefined
  /** The number of unread messages. Undefined until it is known. */
  readonly unread: number | undefined
  readonly notes: Notes
  readonly identity: ChatClient['identity']
  readonly actions: MessageActions
  /** The `seq` of the messages whose deletion is delayed. */
  readonly deleting: ReadonlySet<number>
  /** `MessageList` sets `current` to a function that shows a message. */
  readonly jump: RefObject<(seq: number) => void>
  /**
   * `MessageList` sets `current` to a function that scrolls to the end after the next change. The parent calls this function
   * when the user sends a message.
   */
  readonly onSend: RefObject<() => void>
  /** Called with the `seq` of the newest message when the user sees it. */
  readonly onSeen: (seq: number) => void
}

const PAGE = 50
/** Distance in pixels between the top of the view and the line above the new messages, when the room is opened. */
const LINE_TOP = 24
/** Number of messages per page when older messages are loaded for a jump. */
const JUMP_PAGE = 200
/** Maximum number of pages that are loaded for a jump. */
const MAX_JUMP_PAGES = 10

export const MessageList = (props: MessageListProps) => {
  const { room, state, title, visibility, identity, actions, deleting, jump, onSend, onSeen } = props
  const box = useRef<HTMLDivElement>(null)
  const { messages, outgoing, hasOlder, isLoadingOlder } = state
  const changes = useCurrentChanges(room, state)
  const keys = useRef(new Map<number, string>()).current
  const me = { id: identity?.user_id, username: identity?.username ?? '' }
  const { views, notes, latest } = props.notes
  const names = useKnownNames(state, me, props.notes)
  const readers = useMemo(() => readersOf(state.reads, messages, me.id), [state.reads, messages, me.id])
  const newFrom = useNewLine({ list: box, state, me: me.id, unread: props.unread, onSeen })
  // Memoized, so that Preact compares the rendered messages only when the messages change.
  const shown = useMemo(() => {
    const since = hasOlder ? (messages[0]?.seq ?? 0) : 0
    const surroundings = {
      changes,
      deleting,
      names,
      keys,
      newFrom,
      readers,
      notes: notes.filter(({ seq }) => seq > since)
    }
    const days = groupMessages(messages, outgoing, me, surroundings)
    return <Days {...{ days, actions, names, views }} me={me.id} />
  }, [messages, outgoing, changes, deleting, names, notes, hasOlder, newFrom, readers, actions, me.id])
  const { scrollToNext } = useScrollPosition(box, shown)
  onSend.current = scrollToNext
  useScrollToLine(box, newFrom)
  const [isFailed, setFailed] = useState(false)
  const [leftAt, setLeftAt] = useState<number>()

  const load = (limit = PAGE): void => {
    setFailed(false)
    room.older(limit).catch(() => setFailed(true))
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

  // Loads the newest page if no message is loaded yet. `older` waits until the client is subscribed to the room.
  useEffect(() => {
    if (messages.length === 0) load(Math.max(PAGE, Math.min(props.unread ?? 0, JUMP_PAGE)))
  }, [])
  useEffect(loadIfNear, [state])
  useEffect(preloadControls, [])

  const { hasFailed: hasJumpFailed } = useJump(box, room, shown, jump)

  const fresh =
    leftAt === undefined ? 0 : messages.filter(({ seq, user_id }) => seq > leftAt && user_id !== me.id).length
  // Scrolls without animation, because a page of history that arrives during the animation would stop it.
  const toEnd = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }
  const unattached = changes.filter(
    ({ status, target }) => status === 'failed' && !messages.some(({ seq }) => seq === target)
  )
  const isEmpty = messages.length === 0 && outgoing.length === 0
  return (
    <div class="list-place">
      {isLoadingOlder && <div class="spinner" aria-hidden="true" />}
      {/*
       * The list is not a live region, because screen readers must not read older pages. `Announcer` announces new messages.
       */}
      <div
        ref={box}
        class="list"
        role="log"
        aria-live="off"
        aria-label={`Messages in ${title}`}
        aria-describedby="list-hint"
        aria-busy={isLoadingOlder}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard.
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={event => box.current && onListKey(event, box.current)}
      >
        <div class="column">
          {isFailed && (
            <p class="note">
              Older messages could not be loaded.{' '}
              <button type="button" onClick={() => load()}>
                Try again
              </button>
            </p>
          )}
          {!hasOlder && !isLoadingOlder && state.status !== 'joining' && (
            <Beginning {...{ title, visibility, isEmpty, hasExpired: state.oldest > 1 }} />
          )}
          {shown}
          {unattached.map(change => (
            <Failure key={change.nonce} change={change} actions={actions} />
          ))}
        </div>
      </div>
      <p class="hidden" id="list-hint">
        The arrow keys move between messages. Enter opens the actions.
      </p>
      <p class="hidden" role="status">
        {latest && views && <views.NoteText note={latest} names={names} me={me.id} />}
      </p>
      <div role="status">{hasJumpFailed && <p class="note jump-note">The message could not be found.</p>}</div>
      {leftAt !== undefined && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Down />
          {fresh > 0 ? `${fresh} new` : 'Newest'}
        </button>
      )}
    </div>
  )
}

/**
 * Returns the names of the users whom the messages mention, whom the notes are about, or whose read marks are known. Returns the
 * same map until a name changes, so that a change of presence does not render the list again.
 */
const useKnownNames = (
  { messages, outgoing, presence, reads }: RoomState,
  me: { readonly id: number | undefined; readonly username: string },
  { notes, members }: Notes
): ReadonlyMap<number, string> => {
  const known = useMemo(() => {
    const people = new Map([...members, ...peopleOf({ presence, messages })])
    if (me.id !== undefined) people.set(me.id, me.username)
    return mentionedPeople(
      [...messages, ...outgoing, { mentions: [...subjectsOf(notes), ...readersIn(reads)] }],
      people
    )
  }, [messages, outgoing, presence, reads, notes, members, me.id])
  const key = JSON.stringify([...known])
  return useMemo(() => known, [key])
}

/** When the room is opened, scrolls up to the line above the new messages if the line is above the view. */
const useScrollToLine = (box: RefObject<HTMLElement>, newFrom: number | undefined): void => {
  const isDone = useRef(false)
  useLayoutEffect(() => {
    const line = box.current?.querySelector('.new-line')
    if (isDone.current || !box.current || !line) return
    isDone.current = true
    const above = box.current.getBoundingClientRect().top + LINE_TOP - line.getBoundingClientRect().top
    if (above > 0) box.current.scrollTop -= above
  }, [newFrom])
}

/**
 * Shows a message in the middle of the view and sets the focus to it. First loads older messages until the message is loaded.
 */
const useJump = (
  box: RefObject<HTMLElement>,
  room: Room,
  shown: unknown,
  jump: RefObject<(seq: number) => void>
): { readonly hasFailed: boolean } => {
  const [target, setTarget] = useState<number>()
  const [hasFailed, setFailed] = useState(false)
  const isLoaded = (seq: number): boolean => room.state.messages.some(message => message.seq === seq)

  const load = async (seq: number): Promise<void> => {
    setFailed(false)
    for (let pages = 0; pages < MAX_JUMP_PAGES && !isLoaded(seq) && room.state.hasOlder; pages++) {
      await room.older(JUMP_PAGE)
    }
    if (isLoaded(seq)) setTarget(seq)
    else setFailed(true)
  }
  jump.current = seq => void load(seq).catch(() => setFailed(true))

  // Runs after the layout effect of useScrollPosition, which would otherwise scroll away from the message.
  useLayoutEffect(() => {
    const line = target !== undefined && box.current?.querySelector<HTMLElement>(`[data-seq="${target}"]`)
    if (!line) return
    setTarget(undefined)
    focusLine(line, 'center')
    line.classList.add('found')
    line.addEventListener('animationend', () => line.classList.remove('found'), { once: true })
  }, [target, shown])
  useEffect(() => {
    const timer = hasFailed ? setTimeout(() => setFailed(false), 4000) : undefined
    return () => clearTimeout(timer)
  }, [hasFailed])
  return { hasFailed }
}

interface DaysProps {
  readonly views: Notes['views']
  readonly days: ReturnType<typeof groupMessages>
  readonly actions: MessageActions
  readonly names: ReadonlyMap<number, string>
  /** The id of the authenticated user. */
  readonly me: number | undefined
}

const Days = ({ days, actions, names, views, me }: DaysProps) => {
  const isOnTouch = isTouch()
  return (
    <>
      {days.map(day => (
        <section key={day.key} class="day" aria-label={dayName(day.at)}>
          <h2>
            <span>{dayName(day.at)}</span>
          </h2>
          {day.groups.map(group =>
            group.isNewLine ? (
              <p key="new" class="new-line">
                <span>New messages</span>
              </p>
            ) : group.note ? (
              views && <views.NoteLine key={group.key} note={group.note} names={names} me={me} onJump={actions.jump} />
            ) : (
              <MessageGroup key={group.key} group={group} actions={actions} isTouch={isOnTouch} />
            )
          )}
        </section>
      ))}
    </>
  )
}

interface BeginningProps {
  readonly title: string
  readonly visibility: Visibility | undefined
  readonly isEmpty: boolean
  /** True if older messages have expired. */
  readonly hasExpired: boolean
}

const Beginning = ({ title, visibility, isEmpty, hasExpired }: BeginningProps) => (
  <div class="beginning">
    <span aria-hidden="true">
      <RoomMark visibility={visibility} />
    </span>
    <p>
      <strong dir="auto">{title}</strong>
      {hasExpired
        ? 'Older messages have expired.'
        : isEmpty
          ? 'There are no messages yet. Write the first one.'
          : `This is the beginning of ${visibility === 'direct' ? 'your messages' : 'the room'}.`}
    </p>
  </div>
)
