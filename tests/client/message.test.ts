/** Tests what an erasure removes from messages, replies and entries. */
import { expect, test } from 'vitest'
import type { Message, MessageChange } from '../../client/src/index.ts'
import { withChangeErased, withErasure, withReplyErased } from '../../client/src/message.ts'

const erasure = { userId: 1, username: 'deleted user', seq: 10 }
const reply = { seq: 3, user_id: 1, username: 'ada', excerpt: 'secret' }
const message = (rest: Partial<Message>): Message => ({
  ...{ id: 5, room: 'general', seq: 5, user_id: 2, username: 'bob', content: 'hello' },
  created_at: '2026-01-31T12:00:00.000Z',
  ...rest
})
const entry = { id: 5, room: 'general', seq: 5, user_id: 1, username: 'ada', target: 3, timestamp: '' }

test('removes the text and the name of an erased user from their messages, and from replies of other users', () => {
  const erased = { seq: 3, user_id: 1, username: 'deleted user', unavailable: 'erased' }
  expect(withErasure(message({ reply }), erasure)).toEqual(message({ reply: erased as Message['reply'] & object }))
  const { content, username, unavailable } = withErasure(message({ user_id: 1, reply }), erasure)
  expect({ content, username, unavailable }).toEqual({ content: null, username: 'deleted user', unavailable: 'erased' })
  expect(JSON.stringify(withErasure(message({ user_id: 1, meta: { a: 'secret' }, reply }), erasure))).not.toContain(
    'secret'
  )
  expect(withErasure(message({ user_id: 1, mentions: [2] }), erasure)).not.toHaveProperty('mentions')
})

test('removes the text of an edit and the reason of a deletion of an erased user', () => {
  const edit = { ...entry, type: 'edit', content: 'secret', meta: { a: 1 }, mentions: [2] } as MessageChange
  const deletion = { ...entry, type: 'deletion', reason: 'secret' } as MessageChange
  const reaction = { ...entry, type: 'reaction', key: '+1', action: 'added', count: 2 } as MessageChange
  expect([edit, deletion, reaction].map(change => withChangeErased(change, erasure))).toEqual([
    { ...entry, type: 'edit', content: null, unavailable: 'erased' },
    { ...entry, type: 'deletion' },
    { ...entry, type: 'reaction', key: '+1', action: 'added', count: 2 }
  ])
})

test('returns the same object for another user, for a later entry, and if the erasure is already applied', () => {
  const change = { ...entry, type: 'edit', content: 'later', seq: 11 } as MessageChange
  const other = { ...change, seq: 5, user_id: 2 }
  expect([withChangeErased(change, erasure) === change, withChangeErased(other, erasure) === other]).toEqual([
    true,
    true
  ])
  const erased = withReplyErased(reply, erasure)
  expect(withReplyErased(erased, erasure)).toBe(erased)
  const once = withErasure(message({ user_id: 1, reply }), erasure)
  expect(withErasure(once, erasure)).toBe(once)
  const later = message({ seq: 11, user_id: 1 })
  expect(withErasure(later, erasure)).toBe(later)
})
