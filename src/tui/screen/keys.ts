/**
 * Decodes terminal input into keys. Bracketed paste marks pasted text, so that a line break in pasted text is not the Enter
 * key. A sequence may be split over several reads, and one read may contain several keys.
 */

export type KeyName =
  | 'enter'
  | 'newline'
  | 'tab'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'home'
  | 'end'
  | 'pageUp'
  | 'pageDown'
  | 'wordLeft'
  | 'wordRight'
  | 'eraseLine'
  | 'eraseWord'
  | 'eraseRest'
  | 'switch'
  | 'quit'
  | 'endOfInput'

export type Key = { readonly type: 'text'; readonly text: string } | { readonly type: 'key'; readonly name: KeyName }

const CONTROLS: Record<string, KeyName> = {
  '\r': 'enter',
  '\n': 'newline',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x01': 'home',
  '\x03': 'quit',
  '\x04': 'endOfInput',
  '\x05': 'end',
  '\x0b': 'eraseRest',
  '\x12': 'switch',
  '\x15': 'eraseLine',
  '\x17': 'eraseWord'
}

const SEQUENCES: Record<string, KeyName> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[F': 'end',
  '[H': 'home',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OF: 'end',
  OH: 'home',
  '[1~': 'home',
  '[3~': 'delete',
  '[4~': 'end',
  '[5~': 'pageUp',
  '[6~': 'pageDown',
  '[7~': 'home',
  '[8~': 'end',
  '[1;3C': 'wordRight',
  '[1;3D': 'wordLeft',
  '[1;5C': 'wordRight',
  '[1;5D': 'wordLeft',
  '\r': 'newline',
  b: 'wordLeft',
  f: 'wordRight'
}

const PASTE_BEGINS = '\x1b[200~'
const PASTE_ENDS = '\x1b[201~'
/** Matches a complete escape sequence, the beginning of an escape sequence, a control character, or text. */
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send control characters.
  /(\x1b(?:\[[0-9;<?]*[@-~]|O[@-~]|[^[O\x1b]))|(\x1b(?:\[[0-9;<?]*|O)?$)|([\x00-\x1f\x7f])|([^\x00-\x1f\x7f]+)/y

/** Returns a function that decodes each read into keys and keeps an incomplete sequence for the next read. */
export const createKeyDecoder = (): ((read: string) => Key[]) => {
  let rest = ''
  let isPaste = false
  // A long paste arrives in many reads. Each search for the end of the paste skips the part that was searched before.
  let searched = 0

  const pasted = (): Key[] => {
    const end = rest.indexOf(PASTE_ENDS, searched)
    searched = end < 0 ? Math.max(0, rest.length - PASTE_ENDS.length) : 0
    if (end < 0) return []
    const text = rest.slice(0, end).replace(/\r\n?/g, '\n')
    rest = rest.slice(end + PASTE_ENDS.length)
    isPaste = false
    return text === '' ? [] : [{ type: 'text', text }]
  }

  const next = (): Key[] | undefined => {
    TOKEN.lastIndex = 0
    const [token, sequence, begun, control, text] = TOKEN.exec(rest) ?? []
    if (token === undefined || begun !== undefined) return undefined
    rest = rest.slice(token.length)
    if (text !== undefined) return [{ type: 'text', text }]
    if (token === PASTE_BEGINS) isPaste = true
    const name = sequence === undefined ? CONTROLS[control ?? ''] : SEQUENCES[sequence.slice(1)]
    return name ? [{ type: 'key', name }] : []
  }

  return read => {
    rest += read
    const keys: Key[] = []
    while (rest !== '') {
      const wasPaste = isPaste
      const some = isPaste ? pasted() : next()
      if (some === undefined) break
      keys.push(...some)
      if (wasPaste && isPaste) break
    }
    // Drops an escape character that is followed by another one. The Escape key has no function here, and no sequence begins
    // with two escape characters.
    if (rest.startsWith('\x1b\x1b') && !isPaste) rest = rest.slice(1)
    return keys
  }
}
