/**
 * Makes text from other users safe to print on a terminal. Escape sequences can move the cursor, change the title or the
 * clipboard, and send input as if the user had typed it. So no escape sequence may reach the terminal. Control characters are
 * replaced with visible symbols instead of being removed, so that the reader notices them.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: this expression finds control characters.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g
/**
 * Matches bidirectional marks, embeddings, overrides and isolates, which reorder the text around them. Right-to-left text needs
 * none of them.
 */
const BIDI = /\p{Bidi_Control}/gu
const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g

const symbolOf = (control: string): string => {
  const code = control.charCodeAt(0)
  if (control === '\t') return '    '
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

/**
 * Replaces control characters with symbols (ESC with `␛`), and tabs with spaces. Replaces control characters that have no symbol,
 * bidirectional controls and lone surrogates with `�`. Converts every line break to `\n`.
 */
export const safeText = (text: string): string =>
  text.toWellFormed().replace(LINE_ENDS, '\n').replace(BIDI, '\ufffd').replace(CONTROLS, symbolOf)

/** Makes text safe like `safeText`, and replaces line breaks with spaces. Used for names and sentences. */
export const safeLine = (text: string): string => safeText(text).replaceAll('\n', ' ')

// biome-ignore lint/suspicious/noControlCharactersInRegex: this expression finds control characters.
const UNSAFE_IN_JSON = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\p{Bidi_Control}|\p{Surrogate}/gu
const SPACES = '\t\n\r'

/**
 * Returns equivalent JSON on one line. Escapes control characters from U+007F on, which JSON allows inside strings, with `\u`.
 * Escapes bidirectional controls, line separators, U+FEFF and lone surrogates, too. Replaces tabs and line breaks with spaces,
 * because JSON allows them only between values.
 */
export const safeJson = (json: string): string =>
  json.replace(UNSAFE_IN_JSON, character =>
    SPACES.includes(character) ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
