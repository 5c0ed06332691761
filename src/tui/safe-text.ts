/**
 * Text of others, made harmless for a terminal. Escape sequences can move the cursor, set titles and clipboards, or answer for
 * the user: none may reach the screen. They are shown as the characters that they are, so nothing that was sent is hidden.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g
/** Marks, embeddings, overrides and isolates: they reorder what stands beside them. Right-to-left text itself needs none. */
const BIDI = /\p{Bidi_Control}/gu
const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g

const picture = (control: string): string => {
  const code = control.charCodeAt(0)
  if (control === '\t') return '    '
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

/** May have several lines; ESC becomes `␛`, and so on; what has no picture becomes `�`. */
export const safeText = (text: string): string =>
  text.toWellFormed().replace(LINE_ENDS, '\n').replace(BIDI, '\ufffd').replace(CONTROLS, picture)

/** The same on one line, for names and sentences. */
export const safeLine = (text: string): string => safeText(text).replaceAll('\n', ' ')

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const UNSAFE_IN_JSON = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\p{Bidi_Control}|\p{Surrogate}/gu
const SPACES = '\t\n\r'

/**
 * JSON on one line that means the same, with `\u` escapes for everything that a terminal could obey. JSON itself allows control
 * characters above U+007F in its strings; below it only tabs and line ends, between its values.
 */
export const safeJson = (json: string): string =>
  json.replace(UNSAFE_IN_JSON, character =>
    SPACES.includes(character) ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
