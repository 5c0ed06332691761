/** Shortens long messages, so that one message can't fill the view. */

const MAX_LINES = 20
const MAX_LENGTH = 2000
/**
 * Number of lines of a shortened message. The number is well below `MAX_LINES`, so that "Show more" never reveals just one
 * line.
 */
const SHOWN_LINES = 15
const SHOWN_LENGTH = 1500
/** Maximum number of characters by which a text is shortened further, so that it ends before a space. */
const MAX_MOVE = 100

/** Returns the part of a text that is shown at first. Returns the whole text if it is short. */
export const previewOf = (text: string): string => {
  if (text.length <= MAX_LENGTH && endOfLine(text, MAX_LINES) === text.length) return text
  const end = Math.min(SHOWN_LENGTH, endOfLine(text, SHOWN_LINES))
  const part = text.slice(0, end)
  if (text[end] === '\n') return part
  const space = part.slice(-MAX_MOVE).search(/\s\S*$/)
  return space < 0 ? part.replace(/[\ud800-\udbff]$/, '') : part.slice(0, end - Math.min(MAX_MOVE, end) + space)
}

/**
 * Returns the offset of the end of a line. `line` is counted from 1. If the text has fewer lines, returns the length of the
 * text.
 */
const endOfLine = (text: string, line: number): number => {
  let at = -1
  for (let count = 0; count < line; count++) {
    at = text.indexOf('\n', at + 1)
    if (at < 0) return text.length
  }
  return at
}
