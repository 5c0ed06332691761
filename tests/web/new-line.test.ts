/** Tests where the page shows the line above the new messages. */
import { expect, test } from 'vitest'
import type { Message } from '../../client/src/index.ts'
import { seenAtStart, withNewMessages } from '../../src/web/new-line.ts'

const messages = (...seqs: number[]): Message[] =>
  seqs.map(seq => ({
    id: seq,
    room: 'tea',
    seq,
    // The user of the page has the id 1, and is the author of the messages with an even seq.
    user_id: seq % 2 === 0 ? 1 : 2,
    username: 'ada',
    content: 'text',
    created_at: '2026-01-31T12:00:00Z'
  }))

test('shows the line before the unread messages, and no line if there are none or more than are loaded', () => {
  expect(seenAtStart(messages(3, 5, 9), 2)).toEqual({ seen: 4, from: 5 })
  expect(seenAtStart(messages(3, 5, 9), 0)).toEqual({ seen: 9, from: undefined })
  expect(seenAtStart(messages(3, 5, 9), 4)).toEqual({ seen: 9, from: undefined })
  expect(seenAtStart([], 1)).toEqual({ seen: 0, from: undefined })
})

test('moves the line to the first unseen message of another user, and keeps it there until the message was seen', () => {
  const first = withNewMessages({ seen: 5, from: 3 }, messages(3, 5, 6, 7, 9), 1)
  expect(first).toEqual({ seen: 5, from: 7 })
  expect(withNewMessages(first, messages(3, 5, 6, 7, 9, 11), 1)).toEqual(first)
  expect(withNewMessages({ ...first, seen: 11 }, messages(11, 13), 1)).toEqual({ seen: 11, from: 13 })
})

test('does not move the line for messages of the user', () => {
  expect(withNewMessages({ seen: 5, from: undefined }, messages(5, 6, 8), 1)).toEqual({ seen: 5, from: undefined })
})
