/** Finds the links in a text: only http and https, without the punctuation that follows them. */

/** A piece of a text; with `href` it is a link. */
export interface Piece {
  readonly text: string
  readonly href?: string
}

const CANDIDATE = /https?:\/\/[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi
const AFTER = /[.,:;!?…'"*_~]+$/

export const piecesOf = (text: string): Piece[] => {
  const pieces: Piece[] = []
  let from = 0
  for (const { 0: found, index } of text.matchAll(CANDIDATE)) {
    const link = trimmed(found)
    const href = hrefOf(link)
    if (href === undefined) continue
    if (index > from) pieces.push({ text: text.slice(from, index) })
    pieces.push({ text: link, href })
    from = index + link.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

/** `(see https://a.example/b).` ends before the bracket, `https://a.example/b_(c)` after it. */
const trimmed = (found: string): string => {
  const link = found.replace(AFTER, '')
  for (const [open, close] of ['()', '[]', '{}']) {
    if (open && close && link.endsWith(close) && link.split(close).length > link.split(open).length) {
      return trimmed(link.slice(0, -1))
    }
  }
  return link
}

const hrefOf = (link: string): string | undefined => {
  if (!URL.canParse(link)) return undefined
  const { protocol, href } = new URL(link)
  return protocol === 'http:' || protocol === 'https:' ? href : undefined
}
