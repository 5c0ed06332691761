/**
 * Limits the cost of a JSON text before it is parsed. A text with deep nesting or many values costs far more than other text of
 * the same length. For example, 48 kB of nested objects take 2 ms to parse and 7 ms to serialize. 56 kB of objects with one key
 * each take 7 ms to parse.
 */

/** Maximum nesting depth of objects and arrays, including the outermost one. */
export const MAX_JSON_DEPTH = 32
/**
 * Maximum number of parts. Each object, array and comma is a part. No valid `meta` of a message has more parts: an empty array
 * with a comma has two parts in three bytes, so a `meta` of 2 KiB has at most 1,366 parts.
 */
export const MAX_JSON_PARTS = 2048
/** Maximum number of commas at the top level of an object that `outlineOf` accepts. */
const MAX_OUTLINE_COMMAS = 64
/**
 * Number of characters of a string that are read one by one. The rest is searched with `indexOf`, which is faster only for long
 * strings.
 */
const SHORT_STRING = 32

const QUOTE = 0x22
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Returns whether the character at `at` is escaped, which means that an odd number of backslashes precedes it. */
const isEscaped = (text: string, at: number): boolean => {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

/** Returns the index of the quote that closes the string at `start`, or the length of the text if the string is not closed. */
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
 * Returns the rule that a JSON text violates, for example `must have at most 32 levels of objects and arrays`. Returns
 * `undefined` if the text may be parsed. Takes linear time, stops at the first violation and allocates nothing. The result for
 * a text that is not JSON is unspecified.
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
 * Replaces each nested object or array in the text of a JSON object with null, and returns the new text. Parsing the new text
 * costs little. Returns `undefined` if the object has too many members.
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
