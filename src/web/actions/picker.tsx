/**
 * Renders the emoji picker: a search field, and the emojis by group. The arrow keys move between the emojis, and Enter in the
 * search field chooses the first one.
 */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Message, reactionKeyOf } from '../../../client/src/index.ts'
import { moveFocus } from '../item-focus.ts'
import { isOfInputMethod } from '../keys.ts'
import type { MessageActions } from './message-actions.ts'
import { Popup } from './popup.tsx'

interface EmojiPickerProps {
  readonly anchor: HTMLElement
  readonly message: Message
  readonly actions: MessageActions
  readonly onDone: () => void
  readonly onClose: () => void
}

type Emojis = typeof import('./emojis.ts')

interface PickerProps extends EmojiPickerProps, Pick<Emojis, 'searchEmojis'> {}

/** The number of emojis in a row, as in the style sheet. */
const COLUMNS = 8

/** Returns the picker with the search function of emojis.ts, which the page loads only when the picker is first opened. */
export const pickerOf = (searchEmojis: PickerProps['searchEmojis']) => (props: EmojiPickerProps) => (
  <Picker {...props} searchEmojis={searchEmojis} />
)

const Picker = ({ anchor, message, actions, searchEmojis, onDone, onClose }: PickerProps) => {
  const box = useRef<HTMLDivElement>(null)
  const grid = useRef<HTMLDivElement>(null)
  const [query, setQuery] = useState('')
  const groups = useMemo(() => searchEmojis(query), [query])
  const count = groups.reduce((sum, { emojis }) => sum + emojis.length, 0)
  const first = groups[0]?.emojis[0]
  useLayoutEffect(() => box.current?.querySelector('input')?.focus(), [])
  const choose = (emoji: string): void => {
    onDone()
    actions.toggle(message, reactionKeyOf(emoji))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const isSearch = event.target instanceof HTMLInputElement
    if (!grid.current) return
    if (isSearch && event.key === 'Enter' && first && !isOfInputMethod(event)) {
      event.preventDefault()
      choose(first.emoji)
    } else if (isSearch && event.key === 'ArrowDown') {
      event.preventDefault()
      grid.current.querySelector<HTMLElement>('[data-item]')?.focus()
    } else if (!isSearch) {
      moveFocus(event, grid.current, { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS })
    }
  }
  return (
    <Popup
      box={box}
      anchor={anchor}
      role="dialog"
      label="Choose an emoji"
      class="picker"
      onClose={onClose}
      onKeyDown={onKeyDown}
    >
      <input
        type="search"
        class="search"
        value={query}
        placeholder="Search emojis"
        aria-label="Search emojis"
        autocomplete="off"
        onInput={event => setQuery(event.currentTarget.value)}
      />
      <div ref={grid} class="emojis">
        {groups.map(group => (
          <section key={group.name} aria-label={group.name}>
            <h3>{group.name}</h3>
            <div class="emoji-grid">
              {group.emojis.map(one => (
                <button
                  key={one.emoji}
                  type="button"
                  aria-label={one.name}
                  title={one.name}
                  aria-pressed={message.mine?.includes(reactionKeyOf(one.emoji)) ?? false}
                  tabIndex={one === first ? 0 : -1}
                  data-item
                  onClick={() => choose(one.emoji)}
                >
                  {one.emoji}
                </button>
              ))}
            </div>
          </section>
        ))}
      </div>
      <p role="status" class={count === 0 ? 'hint' : 'hidden'}>
        {query === '' ? '' : count === 0 ? 'No emoji has this name.' : `${count} found`}
      </p>
    </Popup>
  )
}
