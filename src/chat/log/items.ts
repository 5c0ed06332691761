/** Converts entries to the items of HTTP lists. Copies messages from their encoded frames, without parsing the frames. */
import type { Entry } from './entry.ts'

// The HTTP item of a message differs from its frame at both ends. The item has no `type` at the start, and it has `created_at`
// instead of `timestamp` at the end.
const FRAME_HEAD = '{"type":"message",'.length
const FRAME_TAIL = '"timestamp":"2026-01-31T12:00:00.123+00:00"}'.length
const STAMP = FRAME_TAIL - '"timestamp":'.length
const CREATED_AT = Buffer.from('"created_at":')
const GROWS = 2 - FRAME_HEAD + CREATED_AT.length - (FRAME_TAIL - STAMP)
const COMMA = 0x2c
const BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Entries as HTTP items in UTF-8, with a comma after each item. */
export interface Items {
  readonly bytes: Buffer
  /** The offset of each item in `bytes`, followed by the offset after the comma of the last item. */
  readonly starts: readonly number[]
}

export const itemsOf = (entries: readonly Entry[]): Items => {
  const bytes = Buffer.allocUnsafe(maxLength(entries))
  const starts = [0]
  let at = 0
  for (const entry of entries) {
    at = copyItem(bytes, at, entry)
    bytes[at++] = COMMA
    starts.push(at)
  }
  return { bytes, starts }
}

/** Additional fields of items, keyed by the `seq` of the entry. Each value is JSON of the form `,"name":value`. */
export type MoreFields = ReadonlyMap<number, Buffer>

/**
 * Returns UTF-8 text: `before`, then the entries as comma-separated HTTP items, then `after`. `before` and `after` must be
 * ASCII.
 */
export const restItems = (before: string, entries: readonly Entry[], after: string, more?: MoreFields): Buffer => {
  let length = before.length + maxLength(entries) + after.length
  for (const fields of more?.values() ?? []) length += fields.length
  const bytes = Buffer.allocUnsafe(length)
  let at = bytes.write(before, 'latin1')
  for (const [index, entry] of entries.entries()) {
    if (index > 0) bytes[at++] = COMMA
    at = copyItem(bytes, at, entry)
    const fields = more?.get(entry.seq)
    if (!fields) continue
    // Overwrites the closing brace of the item with the fields, and appends the brace after them.
    at += fields.copy(bytes, at - 1) - 1
    bytes[at++] = CLOSING_BRACE
  }
  at += bytes.write(after, at, 'latin1')
  return bytes.subarray(0, at)
}

/** Like `restItems`, but with the entries as in the frames that subscribers receive. */
export const restFrames = (before: string, entries: readonly Entry[], after: string): Buffer =>
  joinItems(
    before,
    entries.map(({ frame, head }) => frame.subarray(head)),
    after
  )

/** Returns `before`, then the comma-separated pieces, then `after`. Each piece contains one or more items. See `restItems`. */
export const joinItems = (before: string, pieces: readonly Buffer[], after: string): Buffer => {
  const length = pieces.reduce((sum, piece) => sum + piece.length + 1, before.length + after.length)
  const bytes = Buffer.allocUnsafe(length)
  let at = bytes.write(before, 'latin1')
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) bytes[at++] = COMMA
    bytes.set(piece, at)
    at += piece.length
  }
  at += bytes.write(after, at, 'latin1')
  return bytes.subarray(0, at)
}

/** Returns the maximum size in bytes of entries as HTTP items with a comma after each item. */
const maxLength = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { frame, item }) => sum + (item ? item.length + 1 : frame.length + GROWS), 0)

/** Copies the item of an entry into `bytes` at `at`. Returns the offset after the item. */
const copyItem = (bytes: Buffer, at: number, { frame, head, item }: Entry): number => {
  if (item) return at + item.copy(bytes, at)
  let end = at
  bytes[end++] = BRACE
  end += frame.copy(bytes, end, head + FRAME_HEAD, frame.length - FRAME_TAIL)
  end += CREATED_AT.copy(bytes, end)
  return end + frame.copy(bytes, end, frame.length - STAMP)
}
