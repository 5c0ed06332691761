/** Tests that the checker of the chaos run finds each kind of error. */
import { expect, test } from 'vitest'
import { check } from './check.ts'
import { fold, type LogEntry, type Message } from './fold.ts'
import type { ClientRecord } from './room-reader.ts'
import { type RulesOptions, rulesOf } from './rules.ts'

const entry = (seq: number, type: string, more: Partial<LogEntry>): LogEntry => ({ seq, type, user_id: 1, ...more })
const log: LogEntry[] = [
  entry(1, 'message', { content: 'edited', nonce: 'a-1' }),
  entry(2, 'message', { content: 'two' }),
  entry(3, 'edit', { target: 1, content: 'edited', nonce: 'a-3' }),
  entry(4, 'reaction', { target: 2, key: 'x', action: 'added', count: 1 }),
  entry(5, 'message', { content: null, unavailable: 'erased' }),
  entry(6, 'deletion', { target: 5 })
]
const listed = new Map<number, Message>([
  [1, { content: 'edited', reactions: [] }],
  [2, { content: 'two', reactions: ['x=1'] }],
  [5, { content: null, reactions: [] }]
])

const record = (changed: Partial<ClientRecord> = {}): ClientRecord => ({
  name: 'a',
  acknowledged: new Map([
    ['a-1', 1],
    ['a-3', 3]
  ]),
  reactions: new Map(),
  sent: new Set(['one', 'two', 'edited']),
  delivered: log.map(({ seq, type }) => ({ seq, type })),
  messages: new Map(listed),
  faults: [],
  resyncs: 0,
  ...changed
})

test('a run without errors is reported as clean', () => {
  const late = record({ name: 'b', delivered: [{ seq: 6, type: 'deletion' }], messages: new Map() })
  expect(check(log, [record(), late], listed)).toEqual([])
})

test('a reaction that changes nothing may be acknowledged with the earlier entry that had the same effect, or with the message', () => {
  const reactions = new Map([
    ['a-4', 2],
    ['a-5', 2]
  ])
  const acknowledged = new Map([
    ['a-4', 4],
    ['a-5', 2]
  ])
  expect(check(log, [record({ acknowledged, reactions })], listed)).toEqual([])
})

const withMessage = (seq: number, message: Message) => ({ messages: new Map([[seq, message]]) })
test.for<[string, LogEntry[], Partial<ClientRecord>, RegExp]>([
  ['a gap in the log', log.filter(({ seq }) => seq !== 2), {}, /at place 2/],
  ['an acknowledged entry that is missing', log.slice(0, 2), { delivered: [] }, /a-3 was acknowledged as 3/],
  [
    'a nonce that is stored twice',
    [...log, entry(7, 'message', { content: 'two', nonce: 'a-1' })],
    { delivered: [] },
    /stored again at 7/
  ],
  ['a text that nobody sent', log, { sent: new Set(['one', 'edited']) }, /2 was never sent/],
  [
    'a text that is missing without a reason',
    [...log, entry(7, 'message', { content: null })],
    { delivered: [] },
    /7 has no text/
  ],
  ['a delivery that differs from the log', log, { delivered: [{ seq: 6, type: 'edit' }] }, /another 6/],
  ['a reader that was left behind', log, { delivered: [{ seq: 2, type: 'message' }] }, /up to 2 of 6/],
  ['an old text', log, withMessage(1, { content: 'one', reactions: [] }), /a: shows .*one.* as 1/],
  ['a deleted text', log, withMessage(5, { content: 'two', reactions: [] }), /a: shows .*two.* as 5/],
  [
    'a wrong number of reactions',
    log,
    withMessage(2, { content: 'two', reactions: ['x=2'] }),
    /x=2.* instead of .*x=1/
  ],
  ['an error that a client detected', log, { faults: ['3 came after 1'] }, /3 came after 1/]
])('finds %s', ([, entries, changed, found]) => {
  expect(check(entries, [record(changed)], listed).join('\n')).toMatch(found)
})

test('finds a list that differs from the log, and a reaction whose count is wrong', () => {
  expect(check(log, [record()], new Map([...listed, [2, { content: 'two', reactions: [] }]])).join('\n')).toMatch(
    /the list: shows/
  )
  expect(check(log, [record()], new Map([...listed].slice(1))).join('\n')).toMatch(/the list lacks the message 1/)
  expect(fold([...log, entry(7, 'reaction', { target: 2, key: 'x', action: 'added', count: 2 })]).faults).toEqual([
    'the reaction 7 has the count 2 instead of 1'
  ])
})

const join = entry(7, 'membership', { subject: 2, event: 'added', role: 'member' })
const ban = entry(8, 'membership', { subject: 2, event: 'banned' })

test('finds entries that were sent to somebody who was banned', () => {
  const entries = [...log, join, ban, entry(9, 'message', { content: 'two' })]
  const sent = (...seqs: number[]) => [
    [{ type: 'subscribed', seq: 6 }, ...seqs.map(seq => ({ type: String(entries[seq - 1]?.type), seq }))]
  ]
  const banned = (...seqs: number[]) =>
    record({ name: 'b', userId: 2, delivered: [], messages: new Map(), connections: sent(...seqs) })
  const mayRead = () => false
  const newer = new Map([...listed, [9, { content: 'two', reactions: [] }]])
  expect(check(entries, [record(), banned(7, 8)], newer, undefined, mayRead)).toEqual([])
  expect(check(entries, [record(), banned(7, 8, 9)], newer, undefined, mayRead)).toEqual([
    'b: was sent message 9 after a removal'
  ])
})

test.for<[string, LogEntry[], RegExp]>([
  [
    'an entry of a banned user',
    [ban, entry(9, 'message', { user_id: 2 })],
    /message 9 is by a user \(2\) who is not a member/
  ],
  [
    'an entry of a muted user',
    [entry(8, 'membership', { subject: 2, event: 'muted' }), entry(9, 'message', { user_id: 2 })],
    /message 9 .* muted/
  ],
  [
    'an entry of a former member',
    [entry(8, 'membership', { subject: 2, event: 'removed' }), entry(9, 'message', { user_id: 2 })],
    /not a member/
  ],
  ['an entry in an archived room', [entry(8, 'room', { archived: true }), entry(9, 'message', {})], /archived/],
  ['a room without an owner', [entry(8, 'membership', { subject: 1, event: 'left' })], /after 8 the room has no owner/],
  [
    'a message that slow mode forbids',
    [
      entry(8, 'room', { slow_mode_seconds: 1, timestamp: '2026-01-31T12:00:00.000Z' }),
      entry(9, 'message', { user_id: 2, timestamp: '2026-01-31T12:00:01.000Z' }),
      entry(10, 'message', { user_id: 2, timestamp: '2026-01-31T12:00:01.900Z' })
    ],
    /message 10 .* too early/
  ]
])('finds %s', ([, entries, found]) => {
  const options: RulesOptions = { visibility: 'private', roles: new Map([[1, 'owner']]) }
  expect(rulesOf([join, ...entries], options).faults.join('\n')).toMatch(found)
})
