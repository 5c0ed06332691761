/**
 * Text of others, made harmless for a terminal. Escape sequences can move the cursor, set titles and clipboards, or answer for
 * the user: none may reach the screen. They are shown as the characters that they are, so nothing that was sent is hidden.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g
/** Embeddings, overrides and isolates: they would reorder what stands beside them. Right-to-left text itself needs none. */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g
const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g

const picture = (control: string): string => {
  const code = control.charCodeAt(0)
  if (control === '\t') return '    '
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

/** May have several lines; ESC becomes `␛`, and so on. */
export const safeText = (text: string): string =>
  text.toWellFormed().replace(LINE_ENDS, '\n').replace(BIDI, '').replace(CONTROLS, picture)

/** The same on one line, for names and sentences. */
export const safeLine = (text: string): string => safeText(text).replaceAll('\n', ' ')
