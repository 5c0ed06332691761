/** Where one writes: Enter sends, Shift+Enter breaks the line; a text that wasn't sent waits here while one looks elsewhere. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Room } from '../client/index.ts'
import { Send } from './icons.tsx'

interface ComposerProps {
  readonly room: Room
  readonly title: string
  /** The most characters (code points) of a message; 0 for no limit. */
  readonly limit: number
  readonly onSend: () => void
}

const drafts = new Map<string, string>()
/** From so many left on, they are counted. */
const COUNT_FROM = 200

export const Composer = ({ room, title, limit, onSend }: ComposerProps) => {
  const [text, setText] = useState(drafts.get(room.name) ?? '')
  const field = useRef<HTMLTextAreaElement>(null)
  const left = limit > 0 ? limit - [...text].length : Number.POSITIVE_INFINITY
  const canSend = text.trim() !== '' && left >= 0

  const write = (next: string): void => {
    setText(next)
    if (next === '') drafts.delete(room.name)
    else drafts.set(room.name, next)
  }
  const send = (event: Event): void => {
    event.preventDefault()
    if (!canSend) return
    onSend()
    room.send(text.trim())
    write('')
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event)
  }

  // On a phone the keyboard would cover what one wants to read first.
  useLayoutEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [])
  // As high as its text; the style sheet says how high at most.
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
        enterkeyhint="send"
        onInput={event => {
          write(event.currentTarget.value)
          room.typing()
        }}
        onKeyDown={onKeyDown}
      />
      {left < COUNT_FROM && (
        <span id="left" class={left < 0 ? 'left over' : 'left'}>
          {left < 0 ? `${-left} too many` : `${left} left`}
        </span>
      )}
      <button type="submit" class="send" disabled={!canSend} aria-label="Send">
        <Send />
      </button>
    </form>
  )
}
