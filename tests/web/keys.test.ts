/** Tests how the page interprets key presses of keyboards, input methods and phones. */
import { expect, test } from 'vitest'
import { isEscape, isSendKey } from '../../src/web/keys.ts'

const press = (key: string, more: object = {}) => ({
  key,
  keyCode: 13,
  isComposing: false,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  ...more
})

test.each([
  ['Enter', press('Enter'), true, false],
  ['Shift+Enter', press('Enter', { shiftKey: true }), false, false],
  ['Ctrl+Enter', press('Enter', { ctrlKey: true }), true, true],
  ['Cmd+Enter', press('Enter', { metaKey: true }), true, true],
  ['the Enter of an input method', press('Enter', { isComposing: true, keyCode: 229 }), false, false],
  ['the Enter of an input method in Safari', press('Enter', { keyCode: 229 }), false, false],
  ['Ctrl+Enter during a composition', press('Enter', { ctrlKey: true, isComposing: true }), false, false],
  ['another key', press('a'), false, false]
])('decides whether %s sends, on a computer and on a phone', (_, event, onComputer, onPhone) => {
  expect([isSendKey(event, false), isSendKey(event, true)]).toEqual([onComputer, onPhone])
})

test('ignores an Escape that ends a composition', () => {
  const escapes = [press('Escape'), press('Escape', { isComposing: true }), press('Escape', { keyCode: 229 })]
  expect(escapes.map(isEscape)).toEqual([true, false, false])
})
