/** Tests that text of other users cannot control the terminal. */
import { expect, test } from 'vitest'
import { safeJson, safeLine, safeText } from '../../src/tui/safe-text.ts'
import fc, { codePoint } from '../support/properties.ts'

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
])('shows %s instead of executing it', (_, sent, shown) => {
  expect(safeText(sent)).toBe(shown)
})

test('keeps the lines of a text with any line ending, and puts a name on one line', () => {
  expect(safeText('a\r\nb\rc\nd\u2028e')).toBe('a\nb\nc\nd\ne')
  expect(safeLine('ada\n\x1b[A')).toBe('ada ␛[A')
})

test('does not change letters of any script and emoji', () => {
  for (const text of ['你好', 'مرحبا', 'שלום', 'naïve', '👨‍👩‍👧 👋🏽 🇩🇪', 'e\u0301']) expect(safeText(text)).toBe(text)
})

test('leaves nothing in any text that a terminal could execute', () => {
  fc.assert(
    fc.property(fc.string({ unit: codePoint }), text => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain control characters.
      expect(safeText(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Bidi_Control}/u)
    })
  )
})

test('keeps the meaning of JSON on one line, with escapes for what a terminal could execute', () => {
  expect(safeJson('{"a":"\x9b2J\x7f\u202ex\u200f é 你","b":\t[1,\r\n 2]}')).toBe(
    '{"a":"\\u009b2J\\u007f\\u202ex\\u200f é 你","b": [1,   2]}'
  )
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: codePoint }), (value, text) => {
      const sent = [value, text.toWellFormed(), '\u009b\u2028']
      const shown = safeJson(JSON.stringify(sent, null, 1))
      // Compares the values as JSON, because JSON has no -0.
      expect(JSON.stringify(JSON.parse(shown))).toBe(JSON.stringify(sent))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain control characters.
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Bidi_Control}/u)
    })
  )
})
