/**
 * Renders the field for a new message. Enter sends the message, and Shift+Enter starts a new line. On a phone, Enter starts a
 * new line. Stores a draft per room, which survives a reload.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Room, WebStorage } from '../../client/src/index.ts'
import { isTouch } from './hooks.ts'
import { Send } from './icons.tsx'
import { isSendKey } from './keys.ts'

interface ComposerProps {
  readonly room: Room
  readonly title: string
  readonly drafts: WebStorage
  /** Maximum length of a message in code points. 0 means no limit. */
  readonly limit: number
  readonly onSend: () => void
}

/** The counter is shown when fewer than this many characters are left. */
const COUNT_FROM = 200

export const Composer = ({ room, title, drafts, limit, onSend }: ComposerProps) => {
  const key = `draft:${room.name}`
  const [text, setText] = useState(() => drafts.getItem(key) ?? '')
  const field = useRef<HTMLTextAreaElement>(null)
  const left = limit > 0 ? limit - [...text].length : Number.POSITIVE_INFINITY
  const canSend = text.trim() !== '' && left >= 0

  const write = (next: string): void => {
    setText(next)
    if (next === '') drafts.removeItem(key)
    else drafts.setItem(key, next)
  }
  const send = (event: Event): void => {
    event.preventDefault()
    if (!canSend) return
    onSend()
    // Trims only the end, because indentation may matter.
    room.send(text.trimEnd())
    write('')
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (isSendKey(event, isTouch())) send(event)
  }

  // Sets the focus, but not on a phone, where the keyboard would cover the messages.
  useLayoutEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [])
  // Fits the height to the text. The style sheet sets the maximum height.
  useLayoutEffect(() => {
    if (!field.current) return
    field.current.style.height = 'auto'
    field.current.style.height = `${field.current.scrollHeight}px`
  }, [text])

  return (
    <form class="composer" onSubmit={send}>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        value={text}
        placeholder={`Message #${title}`}
        aria-label={`Message to ${title}`}
        aria-describedby={left < COUNT_FROM ? 'left' : undefined}
        enterkeyhint={isTouch() ? 'enter' : 'send'}
        onInput={event => {
          write(event.currentTarget.value)
          room.typing()
        }}
        onKeyDown={onKeyDown}
      />
      {left < COUNT_FROM && (
        <span id="left" class={left < 0 ? 'left over' : 'left'}>
          {left < 0 ? `${-left} characters too many` : `${left} characters left`}
        </span>
      )}
      <button type="submit" class="send" disabled={!canSend} aria-label="Send">
        <Send />
      </button>
    </form>
  )
}
