/** Tests the page's functions for messages that change: reactions, quotes, mentions, permissions and delayed deletions. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Message, type OutgoingChange, type Room, reactionKeyOf } from '../../client/src/index.ts'
import { reactionKey } from '../../src/protocol/http/reactions.ts'
import { createDeletions, UNDO_MS } from '../../src/web/actions/deletions.ts'
import { searchEmojis } from '../../src/web/actions/emojis.ts'
import { permissionsFor, permissionsOf } from '../../src/web/actions/message-actions.ts'
import { QUICK_REACTIONS, shownKey } from '../../src/web/actions/reaction-keys.ts'
import { isObsolete } from '../../src/web/failed-changes.ts'
import {
  completionsOf,
  mentionBefore,
  mentionsIn,
  mentionsInEdit,
  peopleOf,
  splitAtMentions
} from '../../src/web/mentions.ts'
import { groupMessages } from '../../src/web/message-groups.ts'
import { quoteOf } from '../../src/web/quotes.ts'

const message = (seq: number, rest: Partial<Message> = {}): Message => ({
  id: seq,
  room: 'general',
  seq,
  user_id: 1,
  username: 'ada',
  content: `text ${seq}`,
  created_at: '2026-01-31T12:00:00.000Z',
  ...rest
})

const emojis = searchEmojis('').flatMap(group => group.emojis)

test('offers only emojis that the service accepts, each once, and shows their keys as the emojis again', () => {
  const offered = [...emojis.map(({ emoji }) => emoji), ...QUICK_REACTIONS.map(([emoji]) => emoji)]
  for (const emoji of offered) {
    expect([emoji, reactionKey(emoji)]).toEqual([emoji, reactionKeyOf(emoji)])
    expect(shownKey(reactionKeyOf(emoji))).toBe(emoji)
  }
  expect(new Set(emojis.map(({ emoji }) => emoji)).size).toBe(emojis.length)
  expect(new Set(emojis.map(({ name }) => name)).size).toBe(emojis.length)
})

test('shows the keys of other clients: keycaps, skin tones, joined emojis and names', () => {
  expect(['1⃣', '☝🏽', '❤‍🔥', '👩‍⚕', '+1', 'ship_it'].map(shownKey)).toEqual([
    '1️⃣',
    '☝🏽',
    '❤️‍🔥',
    '👩‍⚕️',
    ':+1:',
    ':ship_it:'
  ])
})

test('finds emojis by the start of each word', () => {
  const names = (query: string) => searchEmojis(query).flatMap(group => group.emojis.map(({ name }) => name))
  expect(names('BUG')).toEqual(['bug', 'ladybird'])
  expect(names('birthday ca')).toEqual(['birthday cake'])
  expect(names('ugs')).toEqual([])
  expect(names('🚀')).toEqual(['rocket'])
})

test('quotes the current text of a message in one line, and nothing of a message that was deleted', () => {
  const messages = [
    message(1, { content: `one\n\n two ${'x'.repeat(200)}` }),
    message(2, { content: null, unavailable: 'erased' })
  ]
  const find = (seq: number) => messages.find(one => one.seq === seq)
  const old = { seq: 1, user_id: 1, username: 'ada', excerpt: 'former' }
  expect(quoteOf(1, find, old).excerpt).toMatch(/^one two x+…$/)
  expect(quoteOf(2, find, { ...old, seq: 2 })).toEqual({ seq: 2, username: 'ada', note: 'Message deleted' })
  expect(quoteOf(3, find, { ...old, seq: 3 })).toEqual({ seq: 3, username: 'ada', excerpt: 'former' })
  expect(quoteOf(3, find, { seq: 3, unavailable: 'expired' }).note).toBe('Message no longer available')
  expect(quoteOf(3, find)).toEqual({ seq: 3, note: 'An earlier message' })
})

test('quotes nothing of a message while its deletion is delayed', () => {
  const messages = [message(1), message(2, { reply_to: 1, reply: { seq: 1, username: 'ada', excerpt: 'text 1' } })]
  const around = { changes: [], names: new Map(), deleting: new Set([1]) }
  const lines = groupMessages(messages, [], { id: 2, username: 'bob' }, around).flatMap(day =>
    day.groups.flatMap(group => group.lines)
  )
  expect(lines).toMatchObject([{ isDeleting: true }, { isDeleting: false, quote: { note: 'Message deleted' } }])
  expect(JSON.stringify(lines[1]?.quote)).not.toContain('text 1')
})

test('keeps the key of an own line when its message is deleted', () => {
  const around = { changes: [], names: new Map(), deleting: new Set<number>(), keys: new Map() }
  const me = { id: 1, username: 'ada' }
  const keysOf = (messages: Message[]) =>
    groupMessages(messages, [], me, around).flatMap(({ groups }) =>
      groups.flatMap(({ key, lines }) => [key, ...lines.map(line => line.key)])
    )
  const before = keysOf([message(1, { nonce: 'a' }), message(2, { nonce: 'b' }), message(3, { user_id: 2 })])
  expect(before).toEqual(['own-a', 'own-a', 'own-b', 'seq-3', 'seq-3'])
  const gone = { content: null, unavailable: 'erased' } as const
  expect(keysOf([message(1, gone), message(2, gone), message(3, { user_id: 2, ...gone })])).toEqual(before)
})

test('hides the error of a change only if its message was deleted', () => {
  const failed: OutgoingChange = {
    ...{ type: 'react', nonce: 'a', room: 'general', content: '', target: 1, createdAt: 0 },
    status: 'failed',
    error: { code: 'too_many_reactions', detail: 'No.' }
  }
  const gone = message(1, { content: null, unavailable: 'erased' })
  expect(isObsolete(failed, [message(1)])).toBe(false)
  expect(isObsolete(failed, [])).toBe(false)
  expect(isObsolete(failed, [message(1, { content: null, unavailable: 'key' })])).toBe(false)
  expect(isObsolete(failed, [gone])).toBe(true)
  expect(isObsolete({ ...failed, target: 2 }, [gone])).toBe(false)
  expect(isObsolete({ ...failed, status: 'pending' }, [gone])).toBe(false)
  // The entry of the deletion has not arrived yet.
  expect(isObsolete({ ...failed, error: { code: 'already_deleted', detail: 'No.' } }, [message(1)])).toBe(true)
})

test('attaches the changes that failed to their message, and marks mentions of the user', () => {
  const change = (nonce: string, rest: Partial<OutgoingChange>): OutgoingChange => ({
    type: 'edit',
    nonce,
    room: 'general',
    content: 'new',
    target: 1,
    createdAt: 0,
    status: 'pending',
    ...rest
  })
  const changes = [change('a', {}), change('b', { status: 'failed' }), change('c', { status: 'failed', target: 9 })]
  const around = { changes, deleting: new Set<number>(), names: new Map([[2, 'bob']]) }
  const [day] = groupMessages([message(1, { mentions: [2, 3] })], [], { id: 2, username: 'bob' }, around)
  expect(day?.groups[0]?.lines).toMatchObject([
    { isChanging: true, failed: [{ nonce: 'b' }], mentionsMe: true, mentioned: ['bob'] }
  ])
})

test('finds the mention before the caret, but not an e-mail address', () => {
  expect(mentionBefore('hello @ad', 9)).toBe('ad')
  expect(mentionBefore('@', 1)).toBe('')
  expect(mentionBefore('(@ada', 5)).toBe('ada')
  expect(mentionBefore('@ada hello', 10)).toBeUndefined()
  expect(mentionBefore('me@ada', 6)).toBeUndefined()
  expect(mentionBefore('hello @ad', 3)).toBeUndefined()
})

test('completes names, first those that start with the query, without the user', () => {
  const people = peopleOf({
    presence: {
      count: 2,
      users: [
        { user_id: 1, username: 'ada' },
        { user_id: 2, username: 'Bob' }
      ]
    },
    messages: [message(1, { user_id: 3, username: 'adele' }), message(2, { user_id: 2, username: 'former' })]
  })
  expect([...people]).toEqual([
    [1, 'ada'],
    [2, 'Bob'],
    [3, 'adele']
  ])
  expect(completionsOf('ad', people, 1)).toEqual([{ id: 3, username: 'adele' }])
  expect(completionsOf('B', people, 1)).toEqual([{ id: 2, username: 'Bob' }])
  expect(completionsOf('', people, 1).map(({ id }) => id)).toEqual([2, 3])
})

test('returns the ids of mentioned users: known names with any case and punctuation, and chosen names with spaces', () => {
  const people = new Map([
    [1, 'ada'],
    [2, 'bob-2'],
    [3, 'ad']
  ])
  const chosen = new Map([[4, 'Mary Ann']])
  expect(mentionsIn('@Ada, (@bob-2) and @nobody', people, chosen)).toEqual([1, 2])
  expect(mentionsIn('me@ada @@ada @adam', people, chosen)).toEqual([])
  expect(mentionsIn('Hi @Mary Ann!', people, chosen)).toEqual([4])
  expect(mentionsIn('Hi Mary Ann', people, chosen)).toEqual([])
  const many = new Map(Array.from({ length: 30 }, (_, id) => [id, `user${id}`]))
  expect(mentionsIn([...many.values()].map(name => `@${name}`).join(' '), many, chosen)).toHaveLength(20)
})

test('keeps mentions of unknown users in an edited text while the text has a name that belongs to no known user', () => {
  const people = new Map([
    [1, 'ada'],
    [4, 'Mary Ann']
  ])
  const mentionsOf = (former: string, mentions: number[], text: string) =>
    mentionsInEdit(text, { content: former, mentions }, people, new Map())
  expect(mentionsOf('Hi @zoe, @ada', [7, 1], 'Hello @Zoe and @ada')).toEqual([7, 1])
  expect(mentionsOf('Hi @zoe, @ada', [7, 1], 'Hello @ada')).toEqual([1])
  expect(mentionsOf('Hi @zoe', [7], 'Hello @zo')).toEqual([])
  expect(mentionsOf('Hi @zoe', [7], 'Hello @zoe and @ada')).toEqual([7, 1])
  // The name of a known user may contain spaces.
  expect(mentionsOf('Hi @Mary Ann', [4], 'Hello @Mary Ann')).toEqual([4])
  expect(mentionsOf('Hi @zoe', [], 'Hello @zoe')).toEqual([])
})

test('splits a text at mentions only, whatever characters a name has', () => {
  const mentions = (text: string, names: string[]) =>
    splitAtMentions(text, names).flatMap(({ text, isMention }) => (isMention ? text : []))
  expect(mentions('@ada and @ada-b, @Ada! x@ada', ['ada'])).toEqual(['@ada', '@Ada'])
  expect(mentions('@a.b @axb @a+(b', ['a.b', 'a+(b'])).toEqual(['@a.b', '@a+(b'])
  expect(mentions('@ada b', ['ada', 'ada b'])).toEqual(['@ada b'])
  const text = 'one @ada two'
  expect(
    splitAtMentions(text, ['ada'])
      .map(piece => piece.text)
      .join('')
  ).toBe(text)
})

test('offers only what the service accepts, and changes only of the user’s own messages', () => {
  const member = { pin: false, moderate: false }
  const all = permissionsOf(['message', 'edit', 'deletion', 'reaction', 'pin'], member)
  expect(permissionsOf(undefined, member)).toMatchObject({ reply: false, edit: false, remove: false, react: false })
  expect(permissionsOf(['message'], member)).toMatchObject({ reply: true, edit: false, remove: false, react: false })
  const forOthers = { reply: true, edit: false, remove: false, react: true, pin: false }
  expect(permissionsFor(message(1), false, all)).toMatchObject(forOthers)
  expect(permissionsFor(message(1), true, all)).toMatchObject({ ...forOthers, edit: true, remove: true })
  const moderator = permissionsOf(['message', 'deletion', 'pin'], { pin: true, moderate: true })
  expect(permissionsFor(message(1), false, moderator)).toMatchObject({ edit: false, remove: true, pin: true })
  expect(permissionsOf(['message'], { pin: true, moderate: true }).pin).toBe(false)
  expect(permissionsFor(message(1, { content: null, unavailable: 'key' }), true, all)?.edit).toBe(false)
  expect(permissionsFor(message(1, { content: null, unavailable: 'erased' }), true, all)).toBeUndefined()
})

/** Creates a room that records which messages it deletes. */
const roomWith = (deleted: number[], name = 'general') =>
  ({ name, delete: (seq: number) => deleted.push(seq) }) as unknown as Room

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('deletes a message after five seconds, unless the user undoes it', () => {
  const deleted: number[] = []
  const room = roomWith(deleted)
  const deletions = createDeletions()
  deletions.start(room, 1)
  deletions.start(room, 2)
  expect([...deletions.waiting('general')]).toEqual([1, 2])
  expect([...deletions.waiting('tea')]).toEqual([])
  vi.advanceTimersByTime(UNDO_MS - 1)
  deletions.undo(room, 1)
  expect(deleted).toEqual([])
  vi.advanceTimersByTime(1)
  expect(deleted).toEqual([2])
  expect(deletions.waiting('general').size).toBe(0)
  vi.advanceTimersByTime(10 * UNDO_MS)
  expect(deleted).toEqual([2])
})

test('stops the timer while the user is about to undo, and sends all delayed deletions when the user leaves the page', () => {
  const deleted: number[] = []
  const flushed: unknown[] = []
  const room = roomWith(deleted)
  const deletions = createDeletions(deletion => flushed.push(deletion))
  deletions.start(room, 1)
  deletions.hold(room, 1, true)
  vi.advanceTimersByTime(10 * UNDO_MS)
  expect(deleted).toEqual([])
  deletions.hold(room, 1, false)
  vi.advanceTimersByTime(UNDO_MS)
  expect(deleted).toEqual([1])
  deletions.start(room, 2)
  deletions.start(roomWith(deleted, 'tea'), 2)
  deletions.hold(room, 2, true)
  deletions.flush()
  deletions.flush()
  expect(deleted).toEqual([1, 2, 2])
  expect(flushed).toHaveLength(2)
})
