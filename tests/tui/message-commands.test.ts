/** Tests how commands select the message to reply to, edit, delete or react to. */
import { expect, test } from 'vitest'
import { parseInput } from '../../src/tui/screen/commands.ts'

test.for([
  ['/reply yes', { kind: 'reply', seq: undefined, text: 'yes' }],
  ['/reply #12 yes,\nat noon', { kind: 'reply', seq: 12, text: 'yes,\nat noon' }],
  ['/reply 12 monkeys', { kind: 'reply', seq: 12, text: 'monkeys' }],
  ['/edit 12 monkeys', { kind: 'edit', seq: undefined, text: '12 monkeys' }],
  ['/edit #12 monkeys', { kind: 'edit', seq: 12, text: 'monkeys' }],
  ['/edit #fun', { kind: 'edit', seq: undefined, text: '#fun' }],
  ['/delete', { kind: 'delete', seq: undefined, text: '' }],
  ['/delete 12', { kind: 'delete', seq: 12, text: '' }],
  ['/delete #12 wrong room ', { kind: 'delete', seq: 12, text: 'wrong room' }],
  ['/react 👍', { kind: 'react', seq: undefined, text: '👍' }],
  ['/react 100', { kind: 'react', seq: undefined, text: '100' }],
  ['/react 12 +1', { kind: 'react', seq: 12, text: '+1' }],
  ['/reaction', { kind: 'unknown', name: 'reaction' }],
  ['//edit this', { kind: 'text', text: '/edit this' }],
  ['/numbers', { kind: 'numbers' }]
] as const)('parses %j', ([text, expected]) => {
  expect(parseInput(text)).toEqual(expected)
})
