/** Renders a group of one author's messages, each with its quote, its reactions and its actions. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { OpenPopup } from './actions/controls.tsx'
import { type MessageActions, permissionsFor } from './actions/message-actions.ts'
import { Avatar } from './avatar.tsx'
import { Failure } from './failure.tsx'
import { Clock, Pin } from './icons.tsx'
import type { Group, Line } from './message-groups.ts'
import { MessageText } from './message-text.tsx'
import { loadParts, part } from './part.ts'
import { QuoteButton } from './quote.tsx'
import { Reactions } from './reactions.tsx'
import { Readers } from './readers.tsx'
import { clockTime, fullTime } from './times.ts'

const Controls = part(parts => parts.Controls)
/** Loads the actions in advance, so that they appear at once. Ignores errors, because `Controls` shows the error message. */
export const preloadControls = (): void => void loadParts().catch(() => {})

interface MessageGroupProps {
  readonly group: Group
  readonly actions: MessageActions
  /** Whether the device has only a touch screen. */
  readonly isTouch: boolean
}

export const MessageGroup = ({ group, actions, isTouch }: MessageGroupProps) => {
  const { key, userId, username, isOwn, at, lines } = group
  return (
    <article class={isOwn ? 'group own' : 'group'}>
      {!isOwn && <Avatar id={userId} name={username} />}
      <div class="said">
        <header>
          <span id={`who-${key}`} class={isOwn ? 'hidden' : 'who'} dir="auto">
            {isOwn ? 'You' : username}
          </span>{' '}
          <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
        </header>
        {lines.map(line => (
          <MessageLine key={line.key} {...{ line, isOwn, actions, isTouch }} author={`who-${key}`} />
        ))}
      </div>
    </article>
  )
}

interface MessageLineProps {
  readonly line: Line
  readonly isOwn: boolean
  /** The id of the element with the author's name. */
  readonly author: string
  readonly actions: MessageActions
  readonly isTouch: boolean
}

/**
 * Renders the line of one message. The line is focusable, so that the arrow keys can move the focus from message to message.
 */
const MessageLine = ({ line, isOwn, author, actions, isTouch }: MessageLineProps) => {
  const { key, content, at, outgoing, message, quote, isDeleting } = line
  const box = useRef<HTMLDivElement>(null)
  const [isHovered, setHovered] = useState(false)
  const [hasFocus, setFocus] = useState(false)
  const [popup, setPopup] = useState<OpenPopup>()
  const [isShown, setShown] = useState(false)
  const isHidden = message !== undefined && !isShown && actions.blocked.has(message.user_id)
  const stored = isDeleting ? undefined : message
  const may = stored && permissionsFor(stored, isOwn, actions.may)
  const status = outgoing?.status ?? (line.isChanging ? 'pending' : 'stored')

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls.
    <div
      ref={box}
      class={`line ${status}${line.mentionsMe ? ' for-me' : ''}`}
      data-key={key}
      data-seq={message?.seq}
      role="group"
      aria-labelledby={`${author} text-${key}`}
      tabIndex={-1}
      onPointerEnter={event => setHovered(event.pointerType === 'mouse')}
      onPointerLeave={() => setHovered(false)}
      onFocusIn={() => setFocus(true)}
      onFocusOut={event => setFocus(box.current?.contains(event.relatedTarget as Node | null) ?? false)}
      onKeyDown={event => {
        const isMenuKey =
          event.key === 'Enter' || event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)
        if (!box.current || !may || event.target !== box.current || !isMenuKey) return
        event.preventDefault()
        setPopup({ name: 'menu', anchor: box.current })
      }}
    >
      {quote && <QuoteButton quote={quote} isActive={hasFocus} onJump={actions.jump} />}
      <div class="bubble-place">
        <p class="bubble" id={`text-${key}`} dir="auto" title={fullTime(at)}>
          {message?.pinned && (
            <span class="pinned" title="Pinned">
              <Pin />
              <span class="hidden">Pinned: </span>
            </span>
          )}
          {line.mentionsMe && <span class="hidden">Mentions you: </span>}
          {isDeleting && message ? (
            <Undo seq={message.seq} actions={actions} onFocusLost={() => box.current?.focus()} />
          ) : content === null ? (
            <em>{placeholderOf(line)}</em>
          ) : isHidden ? (
            <>
              <em>You have blocked this user.</em>{' '}
              <button type="button" class="undo" tabIndex={hasFocus ? 0 : -1} onClick={() => setShown(true)}>
                Show
              </button>
            </>
          ) : (
            <MessageText content={content} mentioned={line.mentioned} />
          )}
          {message?.edited_at !== undefined && content !== null && !isDeleting && (
            <span class="edited" title={fullTime(Date.parse(message.edited_at))}>
              {' '}
              (edited)
            </span>
          )}
          {status === 'pending' && (
            <span class="waiting">
              <Clock />
              <span class="hidden">{outgoing ? 'Not sent yet' : 'Change not saved yet'}</span>
            </span>
          )}
        </p>
        {stored && may && (isHovered || hasFocus || isTouch || popup) && (
          <Controls
            {...{ message: stored, may, actions, popup, isTouch }}
            isActive={hasFocus}
            onPopup={setPopup}
            onDone={() => box.current?.focus()}
          />
        )}
      </div>
      {stored && <Reactions message={stored} actions={actions} isActive={hasFocus} />}
      <Readers readers={line.readers} />
      {outgoing?.status === 'failed' && <Failure change={outgoing} actions={actions} />}
      {line.failed.map(change => (
        <Failure key={change.nonce} change={change} actions={actions} canEdit={may?.edit ?? false} />
      ))}
    </div>
  )
}

const placeholderOf = ({ unavailable }: Line): string =>
  unavailable === 'erased' ? 'This message was deleted.' : 'This message cannot be shown.'

interface UndoProps {
  readonly seq: number
  readonly actions: MessageActions
  /** Called to set the focus to the message, before a button that has the focus is removed. */
  readonly onFocusLost: () => void
}

/**
 * Renders the Undo button instead of a message whose deletion is delayed. The timer stops while the pointer or the focus is on
 * the button.
 */
const Undo = ({ seq, actions, onFocusLost }: UndoProps) => {
  const button = useRef<HTMLButtonElement>(null)
  const held = useRef({ focus: false, pointer: false })
  const hold = (by: 'focus' | 'pointer', isHeld: boolean): void => {
    held.current[by] = isHeld
    actions.hold(seq, held.current.focus || held.current.pointer)
  }
  // Restarts the timer of the deletion if the button is removed, for example because the user goes to another room. A removed
  // button receives no event that would restart the timer.
  useLayoutEffect(
    () => () => {
      if (document.activeElement === button.current) onFocusLost()
      if (held.current.focus || held.current.pointer) actions.hold(seq, false)
    },
    []
  )
  return (
    <>
      <em>Message deleted.</em>{' '}
      <button
        ref={button}
        type="button"
        class="undo"
        onClick={() => {
          onFocusLost()
          actions.undo(seq)
        }}
        onFocus={() => hold('focus', true)}
        onBlur={() => hold('focus', false)}
        onPointerEnter={() => hold('pointer', true)}
        onPointerLeave={() => hold('pointer', false)}
      >
        Undo
      </button>
    </>
  )
}
