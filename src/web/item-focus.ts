/** Moves the focus between the items of a toolbar, a menu or a grid with the keyboard, as the WAI-ARIA patterns describe. */

/** The attribute that marks an item. */
const ITEM = '[data-item]'

/**
 * Moves the focus for Home, End and the keys in `steps`, which maps each key to the number of items to move. Wraps around at
 * both ends. Returns whether the focus moved.
 */
export const moveFocus = (event: KeyboardEvent, box: HTMLElement, steps: Readonly<Record<string, number>>): boolean => {
  if (event.ctrlKey || event.metaKey || event.altKey) return false
  const items = itemsOf(box)
  const at = items.indexOf(document.activeElement as HTMLElement)
  const to = targetOf(event.key, at, items.length, steps)
  if (to === undefined) return false
  event.preventDefault()
  event.stopPropagation()
  items[to]?.focus()
  return true
}

const targetOf = (key: string, at: number, count: number, steps: Readonly<Record<string, number>>) => {
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  const step = steps[key]
  if (step === undefined) return undefined
  // If no item has the focus, a step backwards moves to the last item.
  return at < 0 ? (step < 0 ? count - 1 : 0) : (((at + step) % count) + count) % count
}

/** Moves the focus to the next item whose text starts with the typed character. */
export const moveFocusByLetter = (event: KeyboardEvent, box: HTMLElement): void => {
  if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey || event.altKey) return
  const items = itemsOf(box)
  const at = items.indexOf(document.activeElement as HTMLElement)
  const next = [...items.slice(at + 1), ...items.slice(0, at + 1)]
  next.find(({ textContent }) => textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus()
}

const itemsOf = (box: HTMLElement): HTMLElement[] => [...box.querySelectorAll<HTMLElement>(ITEM)]
