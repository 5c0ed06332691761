/** Shortens long messages, so that one of them doesn't push everything else out of sight. */

const LINES = 20
const LENGTH = 2000
/** What is shown of a longer message is clearly less: otherwise "show more" would hide a single line. */
const SHOWN_LINES = 15
const SHOWN_LENGTH = 1500
/** A cut is moved back to a space that is so near. */
const NEAR = 100

/** The part to show at first; all of it if the text is short. */
export const beginningOf = (text: string): string => {
  if (text.length <= LENGTH && endOfLine(text, LINES) === text.length) return text
  const end = Math.min(SHOWN_LENGTH, endOfLine(text, SHOWN_LINES))
  const part = text.slice(0, end)
  if (text[end] === '\n') return part
  const space = part.slice(-NEAR).search(/\s\S*$/)
  return space < 0 ? part.replace(/[\ud800-\udbff]$/, '') : part.slice(0, end - Math.min(NEAR, end) + space)
}

/** Where a line ends, counted from 1; the end of the text if it has fewer. */
const endOfLine = (text: string, line: number): number => {
  let at = -1
  for (let count = 0; count < line; count++) {
    at = text.indexOf('\n', at + 1)
    if (at < 0) return text.length
  }
  return at
}
