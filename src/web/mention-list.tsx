/**
 * Completes mentions in the composer. Shows a list of users (the WAI-ARIA pattern "Listbox"). The arrow keys select a user.
 */
import { useState } from 'preact/hooks'
import { Avatar } from './avatar.tsx'
import { isEscape, isOfInputMethod } from './keys.ts'
import { completionsOf, mentionBefore, type NamedUser } from './mentions.ts'

interface Caret {
  readonly text: string
  readonly position: number
}

interface Completion {
  /** The users that the list shows. */
  readonly people: readonly NamedUser[]
  readonly chosen: number
  /** Updates the list after a change of the text or of the caret. */
  update(caret: Caret): void
  /** Handles a key that was pressed in the composer. Returns whether the list has handled the key. */
  onKeyDown(event: KeyboardEvent): boolean
  /** Inserts a user at the caret. */
  insert(person: NamedUser): void
  close(): void
}

export interface CompletionOptions {
  /** Returns the users of the room. Called when a mention is typed. */
  readonly people: () => ReadonlyMap<number, string>
  readonly me: number | undefined
  /** Called with the text and the caret after a user was inserted. */
  readonly onInsert: (person: NamedUser, caret: Caret) => void
}

export const LIST_ID = 'mention-list'
export const optionId = (at: number): string => `mention-${at}`

/** Manages the completion of one text field. */
export const useCompletion = ({ people, me, onInsert }: CompletionOptions): Completion => {
  const [caret, setCaret] = useState<Caret>()
  const [chosen, setChosen] = useState(0)
  const query = caret && mentionBefore(caret.text, caret.position)
  const found = query === undefined ? [] : completionsOf(query, people(), me)
  const close = (): void => setCaret(undefined)
  const insert = (person: NamedUser): void => {
    if (!caret || query === undefined) return
    const before = `${caret.text.slice(0, caret.position - query.length)}${person.username} `
    close()
    onInsert(person, { text: before + caret.text.slice(caret.position).replace(/^ /, ''), position: before.length })
  }
  return {
    people: found,
    chosen,
    update(next) {
      setCaret(next)
      setChosen(0)
    },
    onKeyDown(event) {
      if (found.length === 0 || isOfInputMethod(event)) return false
      const person = found[chosen]
      if (event.key === 'ArrowDown') setChosen((chosen + 1) % found.length)
      else if (event.key === 'ArrowUp') setChosen((chosen - 1 + found.length) % found.length)
      else if (isEscape(event)) close()
      else if ((event.key === 'Enter' || event.key === 'Tab') && person && !event.shiftKey) insert(person)
      else return false
      event.preventDefault()
      event.stopPropagation()
      return true
    },
    insert,
    close
  }
}

export const MentionList = ({ completion }: { readonly completion: Completion }) => {
  const { people, chosen, insert } = completion
  return (
    <>
      {people.length > 0 && (
        <div class="mention-list" id={LIST_ID} role="listbox" aria-label="People to mention">
          {people.map((person, at) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the text field, which refers to the chosen option.
            // biome-ignore lint/a11y/useKeyWithClickEvents: the text field handles the keys.
            <div
              key={person.id}
              id={optionId(at)}
              role="option"
              aria-selected={at === chosen}
              // A click must not take the focus from the text field.
              onPointerDown={event => event.preventDefault()}
              onClick={() => insert(person)}
            >
              <Avatar id={person.id} name={person.username} />
              <span dir="auto">{person.username}</span>
            </div>
          ))}
        </div>
      )}
      <p class="hidden" role="status">
        {people.length > 0 && `${people.length} ${people.length === 1 ? 'person' : 'people'} to mention`}
      </p>
    </>
  )
}
