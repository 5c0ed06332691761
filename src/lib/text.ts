/**
 * Checks whether a text has visible characters. Uses its own ranges of code points, because the ranges of regular expressions
 * depend on the version of Node.js.
 */

/**
 * The ranges of invisible code points, in ascending order: white space, controls, Default_Ignorable_Code_Point of Unicode 17.0,
 * format controls that are invisible on their own, and blank characters that Unicode classifies as letters or symbols.
 */
const INVISIBLE: readonly (readonly [first: number, last: number])[] = [
  [0x0000, 0x0020],
  [0x007f, 0x00a0],
  [0x00ad, 0x00ad], // soft hyphen
  [0x034f, 0x034f],
  [0x061c, 0x061c],
  [0x115f, 0x1160], // Hangul fillers
  [0x1680, 0x1680],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x2000, 0x200f], // spaces, zero-width characters, directional marks
  [0x2028, 0x202f], // separators, bidirectional embeddings and overrides
  [0x205f, 0x206f],
  [0x2800, 0x2800], // blank Braille pattern
  [0x3000, 0x3000],
  [0x3164, 0x3164], // Hangul filler
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0], // half-width Hangul filler
  [0xfff0, 0xfffb],
  [0x13430, 0x1343f],
  [0x13441, 0x13442], // blank hieroglyphs
  [0x16fe4, 0x16fe4],
  [0x1bca0, 0x1bca3],
  [0x1d159, 0x1d159], // null notehead
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff] // tags, more variation selectors
]

const isInvisible = (codePoint: number): boolean => {
  // Checks for ASCII first, because most text is ASCII.
  if (codePoint < 0x7f) return codePoint <= 0x20
  let low = 0
  let high = INVISIBLE.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [first, last] = INVISIBLE[middle] as readonly [number, number]
    if (codePoint < first) high = middle - 1
    else if (codePoint > last) low = middle + 1
    else return true
  }
  return false
}

/**
 * Replaces each lone surrogate with U+FFFD, because PostgreSQL rejects lone surrogates in JSON. Returns null and undefined
 * unchanged.
 */
export const wellFormed = <Text extends string | null | undefined>(text: Text): Text | string =>
  typeof text === 'string' ? text.toWellFormed() : text

/** Returns whether a text has a visible character. Takes linear time and stops at the first visible character. */
export const isVisible = (text: string): boolean => {
  for (const character of text) if (!isInvisible(character.codePointAt(0) as number)) return true
  return false
}

// The following patterns are for JSON Schema and need no flags.

/** Matches text without C0 and C1 control characters. */
export const NO_CONTROLS = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$'

/** Matches text without line and paragraph separators and without Unicode's Bidi_Control characters, which reorder other text. */
export const NO_REORDERING = '^[^\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]*$'

/**
 * Converts a text to one line that `NO_CONTROLS` and `NO_REORDERING` match. Replaces control characters and separators with
 * spaces, and removes Bidi_Control characters.
 */
export const inOneLine = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ').replace(/\p{Bidi_Control}/gu, '')
