/** Lays out the draft as lines of the screen, with the position of the cursor. */
import { safeText } from '../safe-text.ts'
import { graphemesOf, widthOf } from './cells.ts'
import type { Draft } from './editor.ts'

export interface ComposerLines {
  readonly lines: readonly string[]
  readonly row: number
  readonly column: number
}

/**
 * Returns up to `height` lines around the cursor. Breaks a line at any character. If lines were broken only between words, the
 * beginning of a word would move to the next line while the user types the word.
 */
export const composerLines = ({ before, after }: Draft, width: number, height: number): ComposerLines => {
  const lines = ['']
  let used = 0
  const add = (text: string): void => {
    for (const grapheme of graphemesOf(safeText(text))) {
      const cells = grapheme === '\n' ? 0 : widthOf(grapheme)
      if (grapheme === '\n' || used + cells > width) {
        lines.push('')
        used = 0
      }
      if (grapheme === '\n') continue
      lines[lines.length - 1] += grapheme
      used += cells
    }
  }
  add(before)
  // The cursor needs a cell after the text, so a full line is followed by an empty one.
  if (used >= width) {
    lines.push('')
    used = 0
  }
  const row = lines.length - 1
  const column = used
  add(after)
  const top = Math.max(0, Math.min(row - height + 1, lines.length - height))
  return { lines: lines.slice(top, top + height), row: row - top, column }
}
