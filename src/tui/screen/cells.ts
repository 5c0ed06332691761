/** Text measured in terminal cells: wide characters take two, combining ones none, an emoji of several code points two. */
import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/**
 * V8 copies the whole input for each segment, so that a segmenter takes quadratic time and memory. It gets this many UTF-16 units
 * at once; a character of more of them (a letter under hundreds of combining marks) becomes several.
 */
const CHUNK = 64
const ASCII = /^[ -~]*$/

/** What a person takes for one character, one by one. */
export const graphemesOf = (text: string): string[] => {
  if (text.length === 1 || ASCII.test(text)) return text.split('')
  const graphemes: string[] = []
  let open = ''
  for (let at = 0; at < text.length; at += CHUNK) {
    const segments = [...segmenter.segment(open + text.slice(at, at + CHUNK))].map(({ segment }) => segment)
    // The last one may continue in the next chunk.
    open = segments.pop() ?? ''
    for (const segment of segments) graphemes.push(segment)
    if (open.length < CHUNK) continue
    graphemes.push(open)
    open = ''
  }
  if (open !== '') graphemes.push(open)
  return graphemes
}

/** Remembers what a function returned: the same characters come again and again, and measuring one is slow. */
const remembered = (measure: (grapheme: string) => number): ((grapheme: string) => number) => {
  const known = new Map<string, number>()
  return grapheme => {
    const before = known.get(grapheme)
    if (before !== undefined) return before
    if (known.size >= MAX_REMEMBERED) known.clear()
    const cells = measure(grapheme)
    known.set(grapheme, cells)
    return cells
  }
}
const MAX_REMEMBERED = 10_000

/** Cells that one character takes. */
export const widthOf = remembered(stringWidth)

/**
 * Cells that one character takes where each code point is drawn by itself, as some terminals do with skin tones and families: to
 * wrap by, so that a row is never too long.
 */
const mostWidthOf = remembered(grapheme => {
  let cells = 0
  for (const character of grapheme) cells += widthOf(character)
  return Math.max(cells, widthOf(grapheme))
})

const sumOf = (text: string, width: (grapheme: string) => number): number =>
  ASCII.test(text) ? text.length : graphemesOf(text).reduce((cells, grapheme) => cells + width(grapheme), 0)

/** Cells that a line takes. */
export const cellsOf = (text: string): number => sumOf(text, widthOf)

/** Spaces; one character of a script that writes without them; or a word. */
const PIECES = /\s+|[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]+/gu

/** Lines of at most `width` cells, the first one of at most `first`; broken between words, and within those that are too long. */
export const wrap = (text: string, width: number, first = width): string[] => {
  return text.split('\n').flatMap((line, index) => wrapParagraph(line, width, index === 0 ? first : width))
}

const wrapParagraph = (text: string, width: number, first: number): string[] => {
  const lines = ['']
  let used = 0
  let room = first
  const turn = (): void => {
    lines.push('')
    used = 0
    room = width
  }
  const add = (piece: string, cells: number): void => {
    lines[lines.length - 1] += piece
    used += cells
  }
  for (const [piece] of text.matchAll(PIECES)) {
    const cells = sumOf(piece, mostWidthOf)
    if (used + cells <= room) add(piece, cells)
    else if (/^\s/.test(piece)) turn()
    else if (cells <= width) {
      turn()
      add(piece, cells)
    } else {
      for (const grapheme of graphemesOf(piece)) {
        const taken = mostWidthOf(grapheme)
        if (used + taken > room) turn()
        add(grapheme, taken)
      }
    }
  }
  return lines
}

/** Cut to `width` cells, with `…` where something is missing. */
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
