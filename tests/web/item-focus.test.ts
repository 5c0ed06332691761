import { afterEach, expect, test, vi } from 'vitest'
import { moveFocus } from '../../src/web/item-focus.ts'

afterEach(() => vi.unstubAllGlobals())

interface Item {
  focus(): void
}

/** Presses a key while the item `at` of a box with `count` items has the focus. Returns the item that has the focus afterwards. */
const press = (key: string, at: number, count: number): number => {
  const page = { activeElement: undefined as Item | undefined }
  const items = Array.from({ length: count }, (): Item => {
    const item = {
      focus() {
        page.activeElement = item
      }
    }
    return item
  })
  page.activeElement = items[at]
  vi.stubGlobal('document', page)
  const event = { key, preventDefault: () => {}, stopPropagation: () => {} } as unknown as KeyboardEvent
  const box = { querySelectorAll: () => items } as unknown as HTMLElement
  expect(moveFocus(event, box, { ArrowUp: -8, ArrowDown: 8, ArrowRight: 1, ArrowLeft: -1 })).toBe(true)
  return items.indexOf(page.activeElement as Item)
}

test('arrow keys move the focus to an item, regardless of how few items there are', () => {
  for (let count = 1; count <= 20; count++) {
    for (let at = 0; at < count; at++) {
      const next = ['ArrowRight', 'ArrowLeft', 'ArrowUp', 'ArrowDown'].map(key => press(key, at, count))
      expect(next.slice(0, 2)).toEqual([(at + 1) % count, (at + count - 1) % count])
      for (const index of next) expect(index).toBeGreaterThanOrEqual(0)
      // Moving up and then down returns to the same item.
      expect(press('ArrowDown', next[2] ?? 0, count)).toBe(at)
    }
  }
})
