/**
 * Keeps the scroll position of a list that grows at both ends. A list that is scrolled to its end stays at its end. In any
 * other list, the line at the top of the view stays in place. The position is measured while rendering, before the document
 * changes, and restored afterwards.
 */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** Maximum distance in pixels from the end at which the list counts as scrolled to its end. */
const NEAR = 48

export const isAtEnd = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean =>
  scrollHeight - scrollTop - clientHeight < NEAR

/** Keeps the position of `list` when `content` changes. `scrollToNext()` scrolls to the end after the next change instead. */
export const useScrollPosition = (list: RefObject<HTMLElement>, content: unknown): { scrollToNext: () => void } => {
  const shouldScrollToEnd = useRef(false)
  const view = useRef<View>({ atEnd: true, isResizing: false, size: '' })
  const anchor = list.current && anchorOf(list.current)
  if (list.current) measure(view.current, list.current)

  useLayoutEffect(() => {
    const box = list.current
    if (!box) return
    if (shouldScrollToEnd.current || view.current.atEnd || !anchor) scrollToEnd(view.current, box)
    else scrollToAnchor(box, anchor)
    shouldScrollToEnd.current = false
  }, [content])

  // If the list was at its end, scrolls to the end again after the size of the view has changed. Possible causes are a phone's
  // keyboard, a banner and a growing composer.
  useLayoutEffect(() => {
    const box = list.current
    if (!box) return
    const observer = new ResizeObserver(() => settle(view.current, box))
    const onScroll = () => measure(view.current, box)
    observer.observe(box)
    box.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      observer.disconnect()
      box.removeEventListener('scroll', onScroll)
    }
  }, [])

  return {
    scrollToNext() {
      shouldScrollToEnd.current = true
    }
  }
}

/** Whether the list was scrolled to its end, and the size of the view at which this was measured. */
interface View {
  atEnd: boolean
  /** True from a change of the size until `settle` has restored the scroll position. */
  isResizing: boolean
  size: string
}

/**
 * Measures `atEnd`, except during a resize. When the view becomes larger, the browser briefly scrolls it, sometimes away from the
 * end.
 */
const measure = (view: View, box: HTMLElement): void => {
  if (view.isResizing) return
  if (view.size === sizeOf(box)) {
    view.atEnd = isAtEnd(box)
    return
  }
  view.isResizing = true
  requestAnimationFrame(() => settle(view, box))
}

const settle = (view: View, box: HTMLElement): void => {
  view.isResizing = false
  view.size = sizeOf(box)
  if (view.atEnd) scrollToEnd(view, box)
}

const sizeOf = ({ clientWidth, clientHeight }: HTMLElement): string => `${clientWidth} ${clientHeight}`

const scrollToEnd = (view: View, box: HTMLElement): void => {
  box.scrollTop = box.scrollHeight
  view.atEnd = true
}

interface Anchor {
  readonly key: string
  readonly top: number
}

/** Returns the first line that ends below the top of the view, by binary search. */
const anchorOf = (box: HTMLElement): Anchor | undefined => {
  const lines = box.querySelectorAll<HTMLElement>('[data-key]')
  const edge = box.getBoundingClientRect().top
  let from = 0
  let to = lines.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((lines[middle]?.getBoundingClientRect().bottom ?? 0) > edge) to = middle
    else from = middle + 1
  }
  const line = lines[from]
  return line && { key: line.dataset.key ?? '', top: line.getBoundingClientRect().top }
}

const scrollToAnchor = (box: HTMLElement, { key, top }: Anchor): void => {
  const line = box.querySelector(`[data-key="${CSS.escape(key)}"]`)
  if (line) box.scrollTop += line.getBoundingClientRect().top - top
}
