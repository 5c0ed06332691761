/** Moves the focus between the messages of the list with the arrow keys. */
import { isEscape } from './keys.ts'

/**
 * Handles a key in the list of messages. The up and down arrow keys move between the messages, and scroll within a message that
 * is larger than the view. Home and End move to the first and the last message. Escape moves to the composer.
 */
export const onListKey = (event: KeyboardEvent, box: HTMLElement): void => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return
  const line = (event.target as HTMLElement).closest<HTMLElement>('[data-key]')
  if (isEscape(event) && line) {
    event.stopPropagation()
    document.querySelector<HTMLElement>('.composer textarea')?.focus()
    return
  }
  const lines = [...box.querySelectorAll<HTMLElement>('[data-key]')]
  const next = nextOf(event.key, box, lines, line)
  if (!next) return
  event.preventDefault()
  focusLine(next)
}

/** Sets the focus to a line and scrolls it into view. */
export const focusLine = (line: HTMLElement, block: ScrollLogicalPosition = 'nearest'): void => {
  line.focus({ preventScroll: true })
  line.scrollIntoView({ block })
}

const nextOf = (key: string, box: HTMLElement, lines: readonly HTMLElement[], line: HTMLElement | null) => {
  if (key === 'Home') return lines[0]
  if (key === 'End') return lines.at(-1)
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined
  const view = box.getBoundingClientRect()
  if (!line) {
    // If no message has the focus, the up arrow key starts at the last visible message, and the down arrow key at the first.
    const visible = lines.filter(one => isIn(one, view))
    return key === 'ArrowUp' ? visible.at(-1) : visible[0]
  }
  const { top, bottom } = line.getBoundingClientRect()
  const continues = key === 'ArrowUp' ? top < view.top - 1 : bottom > view.bottom + 1
  if (continues) return undefined
  return lines[lines.indexOf(line) + (key === 'ArrowUp' ? -1 : 1)]
}

const isIn = (line: HTMLElement, view: DOMRect): boolean => {
  const { top, bottom } = line.getBoundingClientRect()
  return bottom > view.top && top < view.bottom
}
