/** Tests the key decoder, and what each key changes in a draft. */
import { expect, test } from 'vitest'
import { type Draft, EMPTY, edit } from '../../src/tui/screen/editor.ts'
import { createKeyDecoder, type Key, type KeyName } from '../../src/tui/screen/keys.ts'

const text = (value: string): Key => ({ type: 'text', text: value })
const key = (name: KeyName): Key => ({ type: 'key', name })
const decoded = (...reads: string[]): Key[] => reads.flatMap(createKeyDecoder())

test('separates text and several keys in one read', () => {
  expect(decoded('hi\r')).toEqual([text('hi'), key('enter')])
  expect(decoded('\x1b[A\x1b[5~\x1bOB\x1b[1;5D\x7f\x03')).toEqual(
    ['up', 'pageUp', 'down', 'wordLeft', 'backspace', 'quit'].map(name => key(name as KeyName))
  )
  expect(decoded('\n\x1b\r')).toEqual([key('newline'), key('newline')])
})

test('decodes a paste as text, with its line breaks and control characters', () => {
  expect(decoded('\x1b[200~one\r\ntwo\rthree\x03\x1b[201~\r')).toEqual([text('one\ntwo\nthree\x03'), key('enter')])
})

test('decodes pastes and sequences that are split at any position', () => {
  const all = 'a\x1b[200~x\ry\x1b[201~\x1b[5~b'
  const expected = [text('a'), text('x\ny'), key('pageUp'), text('b')]
  for (let at = 1; at < all.length; at++) {
    expect(decoded(all.slice(0, at), all.slice(at)), `cut at ${at}`).toEqual(expected)
  }
  expect(decoded(...all)).toEqual(expected)
})

test('ignores unknown sequences completely', () => {
  expect(decoded('\x1b[15~\x1b[<0;1;1M\x1b[I\x1b\x1b[Aok')).toEqual([key('up'), text('ok')])
})

const typed = (draft: Draft, ...keys: Key[]): string => {
  const { before, after } = keys.reduce(edit, draft)
  return `${before}|${after}`
}

test('edits a draft by graphemes', () => {
  const family: Draft = { before: 'a👨‍👩‍👧', after: '🇩🇪e\u0301' }
  expect(typed(family, key('backspace'))).toBe('a|🇩🇪e\u0301')
  expect(typed(family, key('left'))).toBe('a|👨‍👩‍👧🇩🇪e\u0301')
  expect(typed(family, key('right'), key('right'), key('backspace'))).toBe('a👨‍👩‍👧🇩🇪|')
  expect(typed(family, key('delete'))).toBe('a👨‍👩‍👧|e\u0301')
})

test('erases and skips words and lines', () => {
  const draft: Draft = { before: 'one two\nthree four', after: ' five\nsix' }
  expect(typed(draft, key('eraseWord'))).toBe('one two\nthree | five\nsix')
  expect(typed(draft, key('eraseLine'))).toBe('one two\n| five\nsix')
  expect(typed(draft, key('eraseRest'))).toBe('one two\nthree four|\nsix')
  expect(typed(draft, key('home'))).toBe('one two\n|three four five\nsix')
  expect(typed(draft, key('end'))).toBe('one two\nthree four five|\nsix')
  expect(typed(draft, key('wordRight'))).toBe('one two\nthree four five|\nsix')
})

test('keeps the column with up and down, and changes nothing on the first and last line, so that these keys can scroll', () => {
  const draft: Draft = { before: '你好\nab', after: 'c\nx' }
  expect(typed(draft, key('up'))).toBe('你好|\nabc\nx')
  expect(typed(draft, key('down'))).toBe('你好\nabc\nx|')
  expect(edit(EMPTY, key('up'))).toBe(EMPTY)
  expect(edit({ before: 'a', after: 'b' }, key('down'))).toEqual({ before: 'a', after: 'b' })
})
