/** Tests at which messages the page shows readers, and the sentences of notes about pins, restrictions and settings. */
import { expect, test } from 'vitest'
import type { Message } from '../../client/src/index.ts'
import { partsOf } from '../../src/web/note-parts.ts'
import { type Note, noteOf } from '../../src/web/notes.ts'
import { readersOf } from '../../src/web/receipts.ts'

const messages = ([2, 4, 9] as const).map(
  (seq): Message => ({
    id: seq,
    room: 'tea',
    seq,
    user_id: seq,
    username: 'ada',
    content: 'text',
    created_at: '2026-01-31T12:00:00Z'
  })
)

test('shows each reader at the last message that the reader has read', () => {
  const readers = readersOf({ 20: 4, 21: 8, 22: 50, 23: 1, 24: 2 }, messages, 20)
  expect([...readers]).toEqual([
    [4, [21]],
    [9, [22]],
    [2, [24]]
  ])
})

test('does not show the author as a reader of a message', () => {
  expect([...readersOf({ 9: 9, 4: 9 }, messages, undefined)]).toEqual([[9, [4]]])
})

const names = new Map([[2, 'bob']])
/** Returns the sentence of the note about an entry, as the user with the id 3 sees it. */
const sentence = (entry: object): string => {
  const note = noteOf({ seq: 1, user_id: 1, username: 'ada', timestamp: '2026-01-31T12:00:00Z', ...entry }) as Note
  return partsOf({ note, names, me: 3 })
    .map(part => (typeof part === 'string' ? part : part.given))
    .join('')
}

test('describes pins, restrictions and changed settings', () => {
  expect(sentence({ type: 'pin', target: 4, action: 'added' })).toBe('ada pinned a message')
  expect(sentence({ type: 'pin', target: 4, action: 'removed' })).toBe('ada unpinned a message')
  expect(sentence({ type: 'membership', subject: 2, event: 'banned' })).toBe('ada banned bob')
  expect(sentence({ type: 'membership', subject: 3, event: 'unmuted' })).toBe('ada unmuted you')
  const muted = sentence({ type: 'membership', subject: 2, event: 'muted', until: '2026-02-01T12:00:00Z' })
  expect(muted).toMatch(/^ada muted bob until .*2026/)
  expect(sentence({ type: 'membership', subject: 2, event: 'banned', reason: 'Spam' })).toBe('ada banned bob: “Spam”')
  expect(sentence({ type: 'room', slow_mode_seconds: 300, archived: true })).toBe(
    'ada set slow mode to 5 minutes and archived the room'
  )
  expect(sentence({ type: 'room', title: 'Tea', slow_mode_seconds: 0 })).toBe(
    'ada changed the title to “Tea” and turned off slow mode'
  )
})
