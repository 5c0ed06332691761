/**
 * Finds the http and https links in a text. Punctuation after a link is not part of the link. Takes linear time for any text.
 */

/** A piece of a text. A piece with `href` is a link. */
export interface Piece {
  readonly text: string
  readonly href?: string
  /** The host of the link; undefined if the text already shows exactly this host. */
  readonly host?: string
}

const BEGIN = /https?:\/\//gi
/**
 * Matches the end of a link: white space, a control character, an angle bracket, a quote, a character that changes the text
 * direction, or the end of the text.
 */
const END = /[\s\p{Cc}<>"'`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|$/gu
const PUNCTUATION = new Set('.,:;!?…\'"*_~。，、；：！？')
const BRACKETS: Record<string, string> = { '(': ')', '[': ']', '{': '}' }
/** Maximum number of characters of a link, because the time to parse a host grows faster than the length of the host. */
const MAX_LENGTH = 2048

export const piecesOf = (text: string): Piece[] => {
  const pieces: Piece[] = []
  let from = 0
  for (const { start, end } of candidates(text)) {
    const link = trimmed(text.slice(start, end))
    const target = targetOf(link)
    if (!target) continue
    if (start > from) pieces.push({ text: text.slice(from, start) })
    pieces.push({ text: link, ...target })
    from = start + link.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

function* candidates(text: string): Generator<{ readonly start: number; readonly end: number }> {
  // Copies the regular expressions, because each of them stores the position of its last match.
  const [begin, end] = [new RegExp(BEGIN), new RegExp(END)]
  for (let match = begin.exec(text); match; match = begin.exec(text)) {
    end.lastIndex = begin.lastIndex
    const stop = end.exec(text)?.index ?? text.length
    begin.lastIndex = stop
    if (stop - match.index <= MAX_LENGTH) yield { start: match.index, end: stop }
  }
}

/** Removes what follows the link: the `).` in `(see https://a.example/b).`, but not the bracket in `https://a.example/b_(c)`. */
const trimmed = (found: string): string => {
  const surplus = surplusOf(found)
  let end = found.length
  for (;;) {
    const last = found.charAt(end - 1)
    const left = surplus.get(last) ?? 0
    if (left > 0) surplus.set(last, left - 1)
    else if (!PUNCTUATION.has(last)) return found.slice(0, end)
    end--
  }
}

/** Returns, for each kind of closing bracket, the number of closing brackets minus the number of opening brackets. */
const surplusOf = (text: string): Map<string, number> => {
  const surplus = new Map(Object.values(BRACKETS).map(close => [close, 0]))
  for (const character of text) {
    const close = BRACKETS[character]
    const count = surplus.get(close ?? character)
    if (count !== undefined) surplus.set(close ?? character, close ? count - 1 : count + 1)
  }
  return surplus
}

/**
 * Returns the target of a link, including the host if the text does not show exactly this host. The text can make one host
 * look like another: with letters of other scripts (`аpple.com` with a Cyrillic а), a name before an `@`, a backslash, percent
 * signs or a numeric address.
 */
const targetOf = (link: string): Omit<Piece, 'text'> | undefined => {
  if (!URL.canParse(link)) return undefined
  const { protocol, href, host } = new URL(link)
  if (protocol !== 'http:' && protocol !== 'https:') return undefined
  const [written = ''] = link.slice(link.indexOf('//') + 2).split(/[/?#]/, 1)
  const port = protocol === 'https:' ? ':443' : ':80'
  const isPlain = [host, host + port].includes(written.toLowerCase())
  return isPlain ? { href } : { href, host }
}
