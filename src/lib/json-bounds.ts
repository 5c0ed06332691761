/**
 * Checks the cost of a JSON text before it is parsed. Nested and numerous values cost far more than their bytes: 48 kB of nested
 * objects take 2 ms to parse and 7 ms to write again, and 56 kB of objects with a key each take 7 ms to parse.
 */

/** Limits the levels of objects and arrays, including the outermost. */
export const MAX_JSON_DEPTH = 32
/**
 * Limits the number of objects, arrays and commas. The densest `meta` of 2 KiB has 1,366 of them, because an empty array and its
 * comma take three bytes.
 */
export const MAX_JSON_PARTS = 2048
/** Limits the commas outside of nested values for `outlineOf`. */
const MAX_OUTLINE_COMMAS = 64
/** Limits how many characters of a string are read one by one before `indexOf` is used, which is faster for long strings only. */
const SHORT_STRING = 32

const QUOTE = 0x22
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Returns whether the character at `at` is escaped, which is so after an odd number of backslashes. */
const isEscaped = (text: string, at: number): boolean => {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

/** Returns where the string that starts at `start` ends, or the length of the text. */
const endOfString = (text: string, start: number): number => {
  let at = start + 1
  for (;;) {
    for (const end = Math.min(at + SHORT_STRING, text.length); at < end; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) return at
      if (code === BACKSLASH) at++
    }
    at = text.indexOf('"', at)
    if (at < 0) return text.length
    if (!isEscaped(text, at)) return at
    at++
  }
}

/**
 * Returns the rule that a JSON text breaks, as the end of a sentence, or undefined if it may be parsed. Takes linear time, stops
 * at the first excess and allocates nothing. The result for a text that isn't JSON is unspecified.
 */
export const brokenBound = (
  text: string,
  { maxDepth = MAX_JSON_DEPTH, maxParts = MAX_JSON_PARTS } = {}
): string | undefined => {
  let depth = 0
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case OPENING_BRACE:
      case OPENING_BRACKET:
        if (++depth > maxDepth) return `must have at most ${maxDepth} levels of objects and arrays`
        parts++
        break
      case COMMA:
        parts++
        break
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        depth--
    }
    if (parts > maxParts) return `must have at most ${maxParts} members, items, objects and arrays in total`
  }
}

/**
 * Returns the text of a JSON object with null in place of each nested value, so that parsing its own members is cheap. Returns
 * undefined if it has too many members.
 */
export const outlineOf = (text: string): string | undefined => {
  let outline = ''
  let depth = 0
  let commas = 0
  let from = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case OPENING_BRACE:
      case OPENING_BRACKET:
        if (++depth === 2) outline += `${text.slice(from, at)}null`
        break
      case COMMA:
        if (depth === 1 && ++commas > MAX_OUTLINE_COMMAS) return undefined
        break
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        if (--depth === 1) from = at + 1
    }
  }
  return outline + text.slice(from)
}
