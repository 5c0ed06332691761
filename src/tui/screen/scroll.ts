/**
 * Selects the visible rows. The scroll position is the key of the lowest visible row. The view therefore doesn't move when
 * older rows are loaded above or new rows arrive below.
 */
import type { Row } from './rows.ts'

/** The key of the lowest visible row. With `undefined`, the newest row stays visible. */
export type ScrollPosition = string | undefined

const bottomOf = (rows: readonly Row[], position: ScrollPosition): number => {
  const last = rows.length - 1
  if (position === undefined) return last
  const exact = rows.findIndex(({ key }) => key === position)
  if (exact >= 0) return exact
  // After a resize, the same message may have fewer rows. In that case, the last row of the message is used.
  const item = position.replace(/(?<!\d)\d+$/, '')
  const near = rows.findLastIndex(({ key }) => key.startsWith(item))
  return near >= 0 ? near : last
}

/** Returns the visible rows, at most `height`. */
export const visibleRows = (rows: readonly Row[], height: number, position: ScrollPosition): readonly Row[] => {
  const bottom = Math.max(bottomOf(rows, position), Math.min(height, rows.length) - 1)
  return rows.slice(Math.max(0, bottom + 1 - height), bottom + 1)
}

/** Returns the position after scrolling by `by` rows (up if negative), and whether the first row is then visible. */
export const scrollBy = (
  rows: readonly Row[],
  height: number,
  position: ScrollPosition,
  by: number
): { readonly position: ScrollPosition; readonly isAtTop: boolean } => {
  const last = rows.length - 1
  const lowest = Math.min(height - 1, last)
  const bottom = Math.min(last, Math.max(lowest, bottomOf(rows, position) + by))
  return { position: bottom === last ? undefined : rows[bottom]?.key, isAtTop: bottom <= lowest }
}
