/**
 * Keeps one's place in a list that grows at both ends: at its end one stays at the end, anywhere else the line at the top of
 * the view stays where it is. Measured before the document changes (while rendering), put right after it.
 */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** So close to the end counts as at it, in pixels. */
const NEAR = 48

export const isAtEnd = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean =>
  scrollHeight - scrollTop - clientHeight < NEAR

/** `follow()` makes the next change end at the end, wherever one is: for what one sends. */
export const usePlace = (list: RefObject<HTMLElement>, content: unknown): { follow: () => void } => {
  const isFollowing = useRef(false)
  const view = useRef<View>({ atEnd: true, isMoving: false, size: '' })
  const place = list.current && lineAtTop(list.current)
  if (list.current) look(view.current, list.current)

  useLayoutEffect(() => {
    const box = list.current
    if (!box) return
    if (isFollowing.current || view.current.atEnd || !place) toEnd(view.current, box)
    else putBack(box, place)
    isFollowing.current = false
  }, [content])

  // The keyboard of a phone, a banner, a composer that grows: the view changes its size, not the list.
  useLayoutEffect(() => {
    const box = list.current
    if (!box) return
    const observer = new ResizeObserver(() => settle(view.current, box))
    const onScroll = () => look(view.current, box)
    observer.observe(box)
    box.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      observer.disconnect()
      box.removeEventListener('scroll', onScroll)
    }
  }, [])

  return {
    follow() {
      isFollowing.current = true
    }
  }
}

/** Where one was, and the size of the view when that was known. */
interface View {
  atEnd: boolean
  /** The size has changed, and the place is still to be put right. */
  isMoving: boolean
  size: string
}

/** A view that becomes larger is scrolled by the browser, perhaps only for a moment: that says nothing of where one was. */
const look = (view: View, box: HTMLElement): void => {
  if (view.isMoving) return
  if (view.size === sizeOf(box)) {
    view.atEnd = isAtEnd(box)
    return
  }
  view.isMoving = true
  requestAnimationFrame(() => settle(view, box))
}

const settle = (view: View, box: HTMLElement): void => {
  view.isMoving = false
  view.size = sizeOf(box)
  if (view.atEnd) toEnd(view, box)
}

const sizeOf = ({ clientWidth, clientHeight }: HTMLElement): string => `${clientWidth} ${clientHeight}`

const toEnd = (view: View, box: HTMLElement): void => {
  box.scrollTop = box.scrollHeight
  view.atEnd = true
}

interface Place {
  readonly key: string
  readonly top: number
}

/** The first line that ends below the view's top, found by halving: lines lie in order. */
const lineAtTop = (box: HTMLElement): Place | undefined => {
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

const putBack = (box: HTMLElement, { key, top }: Place): void => {
  const line = box.querySelector(`[data-key="${CSS.escape(key)}"]`)
  if (line) box.scrollTop += line.getBoundingClientRect().top - top
}
