/**
 * Measures text in terminal cells. A wide character and a multi-code-point emoji take two cells; a combining character takes
 * none.
 */
import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/**
 * Number of UTF-16 units by which each call of the segmenter advances. V8 copies the whole input for each segment, so a long
 * input would take quadratic time and memory. A grapheme that is longer than this number (a letter with dozens of combining
 * marks) is split.
 */
const CHUNK = 64
const ASCII = /^[ -~]*$/

/** Splits text into graphemes (user-perceived characters). */
export const graphemesOf = (text: string): string[] => {
  if (text.length === 1 || ASCII.test(text)) return text.split('')
  const graphemes: string[] = []
  let pending = ''
  for (let at = 0; at < text.length; at += CHUNK) {
    const segments = [...segmenter.segment(pending + text.slice(at, at + CHUNK))].map(({ segment }) => segment)
    // Keeps the last segment for the next chunk, in which it may continue.
    pending = segments.pop() ?? ''
    for (const segment of segments) graphemes.push(segment)
    if (pending.length < CHUNK) continue
    graphemes.push(pending)
    pending = ''
  }
  if (pending !== '') graphemes.push(pending)
  return graphemes
}

/** Caches the results of `measure`, because measuring is slow and the same characters occur again and again. */
const memoize = (measure: (grapheme: string) => number): ((grapheme: string) => number) => {
  const cache = new Map<string, number>()
  return grapheme => {
    const cached = cache.get(grapheme)
    if (cached !== undefined) return cached
    if (cache.size >= MAX_MEMOIZED) cache.clear()
    const cells = measure(grapheme)
    cache.set(grapheme, cells)
    return cells
  }
}
const MAX_MEMOIZED = 10_000

/** Returns the width of one grapheme in cells. */
export const widthOf = memoize(stringWidth)

/**
 * Returns the maximum width of one grapheme in cells. Some terminals need more cells than `widthOf` returns, because they draw
 * the code points of an emoji side by side, for example a hand and its skin tone. Lines are wrapped according to the maximum
 * width, so that no row is too long.
 */
const maxWidthOf = memoize(grapheme => {
  let cells = 0
  for (const character of grapheme) cells += widthOf(character)
  return Math.max(cells, widthOf(grapheme))
})

const sumOf = (text: string, width: (grapheme: string) => number): number =>
  ASCII.test(text) ? text.length : graphemesOf(text).reduce((cells, grapheme) => cells + width(grapheme), 0)

/** Returns the width of a line in cells. */
export const cellsOf = (text: string): number => sumOf(text, widthOf)

/** Matches white space, one character of a script that doesn't separate words, or a word. */
const PIECES = /\s+|[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]+/gu

/**
 * Wraps text into lines of at most `width` cells, except the first line, which has at most `first` cells. Breaks lines between
 * words, and inside a word that is longer than a line.
 */
export const wrap = (text: string, width: number, first = width): string[] => {
  return text.split('\n').flatMap((line, index) => wrapParagraph(line, width, index === 0 ? first : width))
}

const wrapParagraph = (text: string, width: number, first: number): string[] => {
  const lines = ['']
  let used = 0
  let available = first
  const startLine = (): void => {
    lines.push('')
    used = 0
    available = width
  }
  const add = (piece: string, cells: number): void => {
    lines[lines.length - 1] += piece
    used += cells
  }
  for (const [piece] of text.matchAll(PIECES)) {
    const cells = sumOf(piece, maxWidthOf)
    if (used + cells <= available) add(piece, cells)
    else if (/^\s/.test(piece)) startLine()
    else if (cells <= width) {
      startLine()
      add(piece, cells)
    } else {
      for (const grapheme of graphemesOf(piece)) {
        const taken = maxWidthOf(grapheme)
        if (used + taken > available) startLine()
        add(grapheme, taken)
      }
    }
  }
  return lines
}

/** Truncates a line to `width` cells, with `…` at the end if it is longer. */
export const cut = (text: string, width: number): string => {
  if (cellsOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const grapheme of graphemesOf(text)) {
    used += widthOf(grapheme)
    if (used > width - 1) break
    kept += grapheme
  }
  return width > 0 ? `${kept}…` : ''
}
