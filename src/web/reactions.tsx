/**
 * Renders the reactions to a message as toggle buttons with counts. Shows who reacted while the pointer or the focus is on a
 * button, and after a long touch.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Message } from '../../client/src/index.ts'
import type { MessageActions } from './actions/message-actions.ts'
import { shownKey } from './actions/reaction-keys.ts'
import { listen } from './hooks.ts'
import { isEscape } from './keys.ts'
import { part } from './part.ts'

interface ReactionsProps {
  readonly message: Message
  readonly actions: MessageActions
  /** Whether the keyboard can reach the buttons. */
  readonly isActive: boolean
}

const Reactors = part(parts => parts.Reactors)

/** Time in milliseconds that the pointer must rest on a button before the names are shown. */
const HOVER_MS = 350
const LEAVE_MS = 150
/** Time in milliseconds that a finger must rest on a button before the names are shown. */
const TOUCH_MS = 500

export const Reactions = ({ message, actions, isActive }: ReactionsProps) => {
  const [tip, setTip] = useState<{ readonly key: string; readonly anchor: HTMLElement }>()
  const timer = useRef<ReturnType<typeof setTimeout>>()
  const { seq, reactions = [], mine = [] } = message
  /** Shows or hides the names after a delay, so that the pointer can move from the button to the names. */
  const show = (next: typeof tip, delay: number): void => {
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setTip(next), delay)
  }
  const hide = (): void => show(undefined, 0)
  useEffect(() => () => clearTimeout(timer.current), [])
  /** Whether the last touch of the button was a long one. A long touch shows the names and does not toggle the reaction. */
  const isLong = useRef(false)
  const touch = (next: typeof tip): void => {
    isLong.current = false
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      isLong.current = true
      setTip(next)
    }, TOUCH_MS)
  }
  const endTouch = (event: PointerEvent): void => {
    if (event.pointerType !== 'mouse' && !isLong.current) clearTimeout(timer.current)
  }
  // Hides the names at the next touch, because a touch outside of the button does not always take the focus away from the button.
  useEffect(
    () =>
      tip
        ? listen(document, 'pointerdown', event => (event as PointerEvent).pointerType !== 'mouse' && setTip(undefined))
        : undefined,
    [tip]
  )
  if (reactions.length === 0) return null
  const id = `reactors-${seq}`
  return (
    <ul class="reactions" aria-label="Reactions">
      {reactions.map(({ key, count }) => (
        <li
          key={key}
          onPointerEnter={event => {
            const anchor = event.currentTarget.querySelector('button')
            if (anchor && event.pointerType === 'mouse') show({ key, anchor }, tip?.key === key ? 0 : HOVER_MS)
          }}
          onPointerLeave={event => event.pointerType === 'mouse' && show(undefined, LEAVE_MS)}
        >
          <button
            type="button"
            class="reaction"
            aria-pressed={mine.includes(key)}
            aria-disabled={!actions.may.react}
            aria-describedby={tip?.key === key ? id : undefined}
            tabIndex={isActive ? 0 : -1}
            onPointerDown={({ currentTarget: anchor, pointerType }) =>
              pointerType !== 'mouse' && touch({ key, anchor })
            }
            onPointerUp={endTouch}
            onPointerCancel={endTouch}
            onContextMenu={event => isLong.current && event.preventDefault()}
            onClick={() => {
              if (isLong.current) isLong.current = false
              else if (actions.may.react) actions.toggle(message, key)
            }}
            onFocus={({ currentTarget: anchor }) => anchor.matches(':focus-visible') && show({ key, anchor }, 0)}
            onBlur={hide}
            onKeyDown={event => {
              if (!tip || !isEscape(event)) return
              event.stopPropagation()
              hide()
            }}
          >
            <span dir="auto">{shownKey(key)}</span> <span class="count">{count}</span>
            <span class="hidden">{count === 1 ? ' reaction' : ' reactions'}</span>
          </button>
          {tip?.key === key && (
            <Reactors id={id} anchor={tip.anchor} count={count} load={() => actions.reactors(seq, key)} />
          )}
        </li>
      ))}
    </ul>
  )
}
