/** Tests how commands select the message to reply to, edit, delete or react to. */
import { expect, test } from 'vitest'
import type { Room } from '../../client/src/index.ts'
import { parseInput } from '../../src/tui/screen/commands.ts'
import { type MessageCommand, parseMessageCommand, runMessageCommand } from '../../src/tui/screen/message-commands.ts'

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
  ['/delete wrong room', { kind: 'delete', seq: undefined, text: 'wrong room' }],
  ['/delete 12 wrong room', { kind: 'delete', seq: 12, text: 'wrong room' }],
  ['/react 👍', { kind: 'react', seq: undefined, text: '👍' }],
  ['/react 100', { kind: 'react', seq: undefined, text: '100' }],
  ['/react 12 +1', { kind: 'react', seq: 12, text: '+1' }],
  ['/reaction', { kind: 'unknown', name: 'reaction' }],
  ['//edit this', { kind: 'text', text: '/edit this' }],
  ['/pin 12', { kind: 'pin', seq: 12, text: '' }],
  ['/unpin #12', { kind: 'unpin', seq: 12, text: '' }],
  ['/numbers', { kind: 'numbers' }]
] as const)('parses %j', ([text, expected]) => {
  expect(parseInput(text)).toEqual(expected)
})

test('deletes the newest own message only without a text, and any other message by its number', () => {
  const messages = [1, 2].map(seq => ({ seq, user_id: 1, content: `message ${seq}` }))
  const deleted: unknown[][] = []
  const room = { state: { messages }, delete: (...call: unknown[]) => deleted.push(call) } as unknown as Room
  const run = (text: string): string | undefined =>
    runMessageCommand(parseMessageCommand(text) as MessageCommand, room, 1)
  expect(run('/delete it was wrong')).toMatch(/^Nothing was deleted\. Type \/delete, or/)
  expect(run('/delete #it')).toMatch(/^Nothing was deleted\./)
  expect(deleted).toEqual([])
  expect([run('/delete'), run('/delete 1 it was wrong'), run('/delete #1')]).toEqual([undefined, undefined, undefined])
  expect(deleted).toEqual([
    [2, {}],
    [1, { reason: 'it was wrong' }],
    [1, {}]
  ])
})

test('pins a message only by its number', () => {
  const pinned: unknown[][] = []
  const room = { state: { messages: [] }, pin: (...call: unknown[]) => pinned.push(call) } as unknown as Room
  const run = (text: string): string | undefined =>
    runMessageCommand(parseMessageCommand(text) as MessageCommand, room, 1)
  expect([run('/pin'), run('/pin this'), run('/unpin')].every(Boolean)).toBe(true)
  expect([run('/pin 3'), run('/unpin #3')]).toEqual([undefined, undefined])
  expect(pinned).toEqual([
    [3, {}],
    [3, { remove: true }]
  ])
})
