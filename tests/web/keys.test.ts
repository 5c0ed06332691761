/** Tests how the page interprets key presses of keyboards, input methods and phones. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

test('only keys.ts decides whether an input method handles a key', () => {
  const folder = join(import.meta.dirname, '../../src/web')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => /\.tsx?$/.test(file))
  const reading = files.filter(file => /isComposing|keyCode/.test(readFileSync(join(folder, file), 'utf8')))
  expect(reading).toEqual(['keys.ts'])
})
