/** Text measured in terminal cells: wide characters take two, combining ones none, an emoji of several code points two. */
import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** What a person takes for one character, one by one. */
export const graphemesOf = (text: string): string[] => [...segmenter.segment(text)].map(({ segment }) => segment)

/** Cells that a line takes. */
export const cellsOf = (text: string): number => stringWidth(text)

/**
 * Cells that a text takes where each code point is drawn by itself, as some terminals do with skin tones and families: to wrap by,
 * so that a row is never too long.
 */
const mostCellsOf = (text: string): number => {
  let cells = 0
  for (const character of text) cells += cellsOf(character)
  return Math.max(cells, cellsOf(text))
}

/** Spaces; one character of a script that writes without them; or a word. */
const PIECES = /\s+|[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]+/gu

/** Lines of at most `width` cells, the first one of at most `first`; broken between words, and within those that are too long. */
export const wrap = (text: string, width: number, first = width): string[] => {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    lines.push(...wrapParagraph(paragraph, width, lines.length === 0 ? first : width))
  }
  return lines
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
    const cells = mostCellsOf(piece)
    if (used + cells <= room) add(piece, cells)
    else if (/^\s/.test(piece)) turn()
    else if (cells <= width) {
      turn()
      add(piece, cells)
    } else {
      for (const grapheme of graphemesOf(piece)) {
        const taken = mostCellsOf(grapheme)
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
  for (const grapheme of graphemesOf(text)) {
    if (cellsOf(kept + grapheme) > width - 1) break
    kept += grapheme
  }
  return width > 0 ? `${kept}…` : ''
}
