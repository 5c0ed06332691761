/** Edits the draft. Moves the cursor and deletes by graphemes, so that an emoji of several code points is one character. */
import { graphemesOf } from './cells.ts'
import type { Key, KeyName } from './keys.ts'

export interface Draft {
  readonly before: string
  readonly after: string
}

export const EMPTY: Draft = { before: '', after: '' }

export const textOf = ({ before, after }: Draft): string => before + after

type Move = (draft: Draft) => Draft

const join = (before: string, after: string): Draft => ({ before, after })
const lastOf = (text: string): string => graphemesOf(text.slice(-64)).at(-1) ?? ''
const firstOf = (text: string): string => graphemesOf(text.slice(0, 64))[0] ?? ''
const lineBefore = (text: string): string => text.slice(text.lastIndexOf('\n') + 1)
const lineAfter = (text: string): string => text.split('\n', 1)[0] ?? ''
/**
 * Returns the word before the cursor, including white space after the word. Searches from the end. A regular expression would
 * be slow in a long text, because it tries to match at every position from the start.
 */
const wordBefore = (text: string): string => {
  const word = text.trimEnd()
  let start = word.length
  while (start > 0 && !/\s/.test(word.charAt(start - 1))) start--
  return text.slice(start)
}
const wordAfter = (text: string): string => /^\s*\S*/.exec(text)?.[0] ?? ''

const back = ({ before, after }: Draft, by: number): Draft =>
  join(before.slice(0, before.length - by), before.slice(before.length - by) + after)
const forth = ({ before, after }: Draft, by: number): Draft => join(before + after.slice(0, by), after.slice(by))

/** Moves the cursor to the same column of the previous line. Returns the same draft if the cursor is on the first line. */
const up: Move = draft => {
  const column = lineBefore(draft.before)
  if (column.length === draft.before.length) return draft
  const above = lineBefore(draft.before.slice(0, -column.length - 1))
  const target = graphemesOf(above).slice(0, graphemesOf(column).length).join('')
  return back(draft, column.length + 1 + above.length - target.length)
}
const down: Move = draft => {
  const rest = lineAfter(draft.after)
  if (rest.length === draft.after.length) return draft
  const below = lineAfter(draft.after.slice(rest.length + 1))
  const target = graphemesOf(below)
    .slice(0, graphemesOf(lineBefore(draft.before)).length)
    .join('')
  return forth(draft, rest.length + 1 + target.length)
}

const MOVES: Partial<Record<KeyName, Move>> = {
  newline: ({ before, after }) => join(`${before}\n`, after),
  backspace: ({ before, after }) => join(before.slice(0, before.length - lastOf(before).length), after),
  delete: ({ before, after }) => join(before, after.slice(firstOf(after).length)),
  left: draft => back(draft, lastOf(draft.before).length),
  right: draft => forth(draft, firstOf(draft.after).length),
  wordLeft: draft => back(draft, wordBefore(draft.before).length),
  wordRight: draft => forth(draft, wordAfter(draft.after).length),
  home: draft => back(draft, lineBefore(draft.before).length),
  end: draft => forth(draft, lineAfter(draft.after).length),
  eraseLine: ({ before, after }) => join(before.slice(0, before.length - lineBefore(before).length), after),
  eraseRest: ({ before, after }) => join(before, after.slice(lineAfter(after).length)),
  eraseWord: ({ before, after }) => join(before.slice(0, before.length - wordBefore(before).length), after),
  up,
  down
}

/** Returns the draft after a key press: a new object, or the same object if the key changes nothing. */
export const edit = (draft: Draft, key: Key): Draft => {
  if (key.type === 'text') return join(draft.before + key.text, draft.after)
  const moved = MOVES[key.name]?.(draft)
  return moved && (moved.before !== draft.before || moved.after !== draft.after) ? moved : draft
}
