/**
 * Renders the field for a new message, a reply or an edit. Enter sends the message, and Shift+Enter starts a new line. On a
 * phone, Enter starts a new line. In an empty field, the up arrow key edits the user's last message. Stores a draft per room,
 * so that drafts survive a reload.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Message, Room, WebStorage } from '../../client/src/index.ts'
import { draftKey } from './drafts.ts'
import { isTouch } from './hooks.ts'
import { Check, Cross, Send } from './icons.tsx'
import { isEscape, isOfInputMethod, isSendKey } from './keys.ts'
import { LIST_ID, MentionList, optionId, useCompletion } from './mention-list.tsx'
import { mentionsIn, mentionsInEdit } from './mentions.ts'
import { QuoteText } from './quote.tsx'
import { excerptOf, quoteOf } from './quotes.ts'

/** The message that the user replies to or edits. */
export type Subject =
  // `message` is undefined when the message is no longer in memory.
  | { readonly kind: 'reply'; readonly seq: number; readonly message: Message | undefined }
  | {
      readonly kind: 'edit'
      readonly seq: number
      readonly message: Message
      /** The text that the composer shows when the edit starts. */
      readonly text: string
    }

interface ComposerProps {
  readonly room: Room
  readonly title: string
  /** Whether the room is public. If so, a `#` is shown before the title. */
  readonly isPublic: boolean
  readonly drafts: WebStorage
  /** Maximum length of a message in code points. 0 means no limit. */
  readonly limit: number
  readonly subject: Subject | undefined
  readonly me: number | undefined
  /** Returns the users of the room. Undefined if the service accepts no mentions. */
  readonly people: (() => ReadonlyMap<number, string>) | undefined
  readonly onSend: () => void
  /** Ends the reply or the edit. */
  readonly onEnd: () => void
  /** Starts an edit of the user's last message. Returns false if there is none. */
  readonly onEditLast: () => boolean
}

/** The counter is shown when fewer than this many characters are left. */
const COUNT_FROM = 200
const NOBODY: ReadonlyMap<number, string> = new Map()

export const Composer = (props: ComposerProps) => {
  const { room, title, isPublic, drafts, limit, subject, me, people = () => NOBODY, onSend, onEnd, onEditLast } = props
  const key = draftKey(room.name)
  const edited = subject?.kind === 'edit' ? subject.message : undefined
  const [draft, setDraft] = useState(() => drafts.getItem(key) ?? '')
  const [editText, setEditText] = useState('')
  const chosen = useRef(new Map<number, string>())
  /** The position to set the caret to after the next rendering. Rendering a changed text moves the caret to its end. */
  const caret = useRef<number>()
  const field = useRef<HTMLTextAreaElement>(null)
  const text = edited ? editText : draft
  const left = limit > 0 ? limit - [...text].length : Number.POSITIVE_INFINITY
  const canSend = text.trim() !== '' && left >= 0

  const write = (next: string): void => {
    if (edited) return setEditText(next)
    setDraft(next)
    if (next === '') drafts.removeItem(key)
    else drafts.setItem(key, next)
  }
  const completion = useCompletion({
    people,
    me,
    onInsert(person, { text, position }) {
      chosen.current.set(person.id, person.username)
      write(text)
      caret.current = position
    }
  })
  const send = (event: Event): void => {
    event.preventDefault()
    if (!canSend) return
    // Trims only the end, because indentation may matter.
    const content = text.trimEnd()
    const ids = edited
      ? mentionsInEdit(content, edited, people(), chosen.current)
      : mentionsIn(content, people(), chosen.current)
    const mentions = ids.length > 0 ? { mentions: ids } : {}
    if (!edited) {
      onSend()
      room.send(content, { ...(subject ? { replyTo: subject.seq } : {}), ...mentions })
      write('')
      chosen.current.clear()
    } else if (content !== edited.content) {
      // Passes the `meta` of the message, because an edit without `meta` removes it.
      room.edit(edited.seq, content, { ...(edited.meta ? { meta: edited.meta } : {}), ...mentions })
    }
    completion.close()
    onEnd()
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (completion.onKeyDown(event)) return
    if (isSendKey(event, isTouch())) return send(event)
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey && !isOfInputMethod(event)
    if (subject && isEscape(event)) {
      // Stops the event, because Escape would otherwise also close the room's list of people.
      event.stopPropagation()
      onEnd()
    } else if (event.key === 'ArrowUp' && isPlain && text === '' && !subject && onEditLast()) event.preventDefault()
  }
  const updateCompletion = ({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): void =>
    completion.update({ text: value, position: selectionStart === selectionEnd ? selectionStart : 0 })

  // Sets the focus, but not on a phone, where the keyboard would cover the messages.
  useLayoutEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [])
  useLayoutEffect(() => {
    setEditText(subject?.kind === 'edit' ? subject.text : '')
    // Closes the list of completions, because the field no longer shows the text for which the list was opened.
    completion.close()
  }, [edited?.seq])
  useEffect(() => {
    if (subject) field.current?.focus()
  }, [subject?.kind, subject?.seq])
  // Fits the height to the text. The style sheet sets the maximum height.
  useLayoutEffect(() => {
    if (!field.current) return
    field.current.style.height = 'auto'
    field.current.style.height = `${field.current.scrollHeight}px`
  }, [text])
  // Moves the caret synchronously, because the user may have typed more before the next animation frame.
  useLayoutEffect(() => {
    if (caret.current !== undefined) field.current?.setSelectionRange(caret.current, caret.current)
    caret.current = undefined
  })

  const description = [subject && 'subject', left < COUNT_FROM && 'left'].filter(Boolean).join(' ')
  return (
    <form class={subject ? 'composer with-subject' : 'composer'} onSubmit={send}>
      {subject && <SubjectStrip subject={subject} onEnd={onEnd} />}
      <MentionList completion={completion} />
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        value={text}
        placeholder={edited ? 'Edit your message' : `Message ${isPublic ? '#' : ''}${title}`}
        aria-label={edited ? 'Edit your message' : `Message to ${title}`}
        aria-describedby={description || undefined}
        aria-autocomplete="list"
        aria-controls={completion.people.length > 0 ? LIST_ID : undefined}
        aria-activedescendant={completion.people.length > 0 ? optionId(completion.chosen) : undefined}
        enterkeyhint={isTouch() ? 'enter' : 'send'}
        onInput={event => {
          write(event.currentTarget.value)
          updateCompletion(event.currentTarget)
          if (!edited) room.typing()
        }}
        onClick={event => updateCompletion(event.currentTarget)}
        onBlur={completion.close}
        onKeyDown={onKeyDown}
      />
      {left < COUNT_FROM && (
        <span id="left" class={left < 0 ? 'left over' : 'left'}>
          {left < 0 ? `${-left} characters too many` : `${left} characters left`}
        </span>
      )}
      <button type="submit" class="send" disabled={!canSend} aria-label={edited ? 'Save' : 'Send'}>
        {edited ? <Check /> : <Send />}
      </button>
    </form>
  )
}

interface SubjectStripProps {
  readonly subject: Subject
  readonly onEnd: () => void
}

/** Shows which message the user replies to or edits. */
const SubjectStrip = ({ subject: { kind, seq, message }, onEnd }: SubjectStripProps) => (
  <p class="subject" id="subject">
    <span>{kind === 'edit' ? 'Edit' : 'Reply to'}</span>
    <span class="quoted">
      {kind === 'edit' ? (
        <bdi class="quote-text">{excerptOf(message?.content ?? '')}</bdi>
      ) : (
        <QuoteText quote={quoteOf(seq, () => message)} />
      )}
    </span>
    <button
      type="button"
      class="icon-button"
      onClick={onEnd}
      aria-label={kind === 'edit' ? 'Cancel the edit' : 'Cancel the reply'}
    >
      <Cross />
    </button>
  </p>
)
