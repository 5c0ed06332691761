/** Tests for which messages the page shows notifications. */
import { expect, test } from 'vitest'
import { newsOf, sentenceOf } from '../../src/web/notifier.ts'
import { type RoomEntry, UNKNOWN_HEAD } from '../../src/web/room-entry.ts'

const entry = (name: string, more: Partial<RoomEntry>): RoomEntry => {
  const { seq: _, ...head } = UNKNOWN_HEAD
  return { ...head, name, title: name, unread: 0, mentions: 0, isMarked: false, at: '', ...more }
}

test('notifies of new mentions and of new direct messages, but not of other messages, nor twice', () => {
  const before = [entry('tea', { unread: 1, mentions: 1 }), entry('d.1', { visibility: 'direct', unread: 1 })]
  const after = [
    entry('tea', { unread: 2, mentions: 1 }),
    entry('d.1', { visibility: 'direct', unread: 2 }),
    entry('plans', { unread: 1, mentions: 1 })
  ]
  expect(newsOf(before, after).map(({ name }) => name)).toEqual(['d.1', 'plans'])
  expect(newsOf(after, after)).toEqual([])
  expect(newsOf(after, before)).toEqual([])
})

test('names the person or the room', () => {
  expect(sentenceOf(entry('d.1', { visibility: 'direct', title: 'bob' }))).toBe('New message from bob')
  expect(sentenceOf(entry('tea', { title: 'Tea' }))).toBe('You were mentioned in Tea')
})
