/** What others write cannot control the terminal. */
import { expect, test } from 'vitest'
import { safeJson, safeLine, safeText } from '../../src/tui/safe-text.ts'
import fc from '../support/properties.ts'

test.each([
  ['a colour', 'a\x1b[31mb', 'a␛[31mb'],
  ['a title, ended by BEL', '\x1b]0;owned\x07', '␛]0;owned␇'],
  ['a clipboard, ended by ST', '\x1b]52;c;aGk=\x1b\\', '␛]52;c;aGk=␛\\'],
  ['the 8-bit CSI', '\x9b2J', '\ufffd2J'],
  ['a backspace and a carriage return', 'ab\b\rc', 'ab␈\nc'],
  ['NUL and DEL', '\x00\x7f', '␀␡'],
  ['an override of direction', 'user\u202etxt.exe\u202c \u2066x\u2069', 'user\ufffdtxt.exe\ufffd \ufffdx\ufffd'],
  ['a mark of direction', 'a\u200f!\u061c', 'a\ufffd!\ufffd'],
  ['a tab', 'a\tb', 'a    b'],
  ['half a surrogate pair', 'a\ud800b', 'a\ufffdb']
])('%s is shown, not obeyed', (_, sent, shown) => {
  expect(safeText(sent)).toBe(shown)
})

test('lines stay lines, whoever ended them; a name has one', () => {
  expect(safeText('a\r\nb\rc\nd\u2028e')).toBe('a\nb\nc\nd\ne')
  expect(safeLine('ada\n\x1b[A')).toBe('ada ␛[A')
})

test('letters of every script and emoji stay as they are', () => {
  for (const text of ['你好', 'مرحبا', 'שלום', 'naïve', '👨‍👩‍👧 👋🏽 🇩🇪', 'e\u0301']) expect(safeText(text)).toBe(text)
})

test('nothing that a terminal could obey is left, whatever was sent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be gone.
      expect(safeText(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Bidi_Control}/u)
    })
  )
})

test('JSON keeps its meaning and its line, with escapes for what a terminal could obey', () => {
  expect(safeJson('{"a":"\x9b2J\x7f\u202ex\u200f é 你","b":\t[1,\r\n 2]}')).toBe(
    '{"a":"\\u009b2J\\u007f\\u202ex\\u200f é 你","b": [1,   2]}'
  )
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      const sent = [value, text.toWellFormed(), '\u009b\u2028']
      const shown = safeJson(JSON.stringify(sent, null, 1))
      // Not -0, which JSON does not have.
      expect(JSON.stringify(JSON.parse(shown))).toBe(JSON.stringify(sent))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be gone.
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Bidi_Control}/u)
    })
  )
})
