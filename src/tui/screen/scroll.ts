/** Which rows are seen. A place is the key of the lowest row, so it stays where it is when older ones load above or new ones come below. */
import type { Row } from './rows.ts'

/** The key of the lowest visible row; undefined follows the newest. */
export type Place = string | undefined

const bottomOf = (rows: readonly Row[], place: Place): number => {
  const last = rows.length - 1
  if (place === undefined) return last
  const exact = rows.findIndex(({ key }) => key === place)
  if (exact >= 0) return exact
  // Another width has fewer lines of the same message.
  const item = place.replace(/\d+$/, '')
  const near = rows.findLastIndex(({ key }) => key.startsWith(item))
  return near >= 0 ? near : last
}

/** The visible ones, at most `height`. */
export const visibleRows = (rows: readonly Row[], height: number, place: Place): readonly Row[] => {
  const bottom = Math.max(bottomOf(rows, place), Math.min(height, rows.length) - 1)
  return rows.slice(Math.max(0, bottom + 1 - height), bottom + 1)
}

/** Moved by so many rows, up if negative; and whether that reaches the first row. */
export const scrolled = (
  rows: readonly Row[],
  height: number,
  place: Place,
  by: number
): { readonly place: Place; readonly isAtTop: boolean } => {
  const last = rows.length - 1
  const lowest = Math.min(height - 1, last)
  const bottom = Math.min(last, Math.max(lowest, bottomOf(rows, place) + by))
  return { place: bottom === last ? undefined : rows[bottom]?.key, isAtTop: bottom <= lowest }
}
