/** Tests that the checker of the chaos run finds each kind of error, because a check that cannot fail proves nothing. */
import { expect, test } from 'vitest'
import { check, type LogEntry } from './check.ts'
import type { ClientRecord } from './client.ts'

const log: LogEntry[] = [
  { seq: 1, content: 'one', nonce: 'a-1' },
  { seq: 2, content: 'two' },
  { seq: 3, content: 'three', nonce: 'a-3' }
]

const record = (changed: Partial<ClientRecord> = {}): ClientRecord => ({
  name: 'a',
  acknowledged: new Map([
    ['a-1', 1],
    ['a-3', 3]
  ]),
  sent: new Set(['one', 'two', 'three']),
  delivered: log.map(({ seq, content }) => ({ seq, content })),
  faults: [],
  resyncs: 0,
  reconnects: 0,
  ...changed
})

test('a run without errors is reported as clean', () => {
  expect(check(log, [record(), record({ name: 'b', delivered: [{ seq: 3, content: 'three' }] })])).toEqual([])
})

test.for([
  ['a gap in the log', [log[0], log[2]], {}, /at place 2/],
  ['an acknowledged message that is missing', log.slice(0, 2), { delivered: [] }, /a-3 was acknowledged as 3/],
  [
    'a nonce that is stored twice',
    [...log, { seq: 4, content: 'one', nonce: 'a-1' }],
    { delivered: [] },
    /stored again at 4/
  ],
  ['a message that nobody sent', log, { sent: new Set(['one', 'two']) }, /3 was never sent/],
  ['a delivery that differs from the log', log, { delivered: [{ seq: 3, content: 'other' }] }, /another 3/],
  ['a reader that was left behind', log, { delivered: [{ seq: 2, content: 'two' }] }, /up to 2 of 3/],
  ['an error that a client detected', log, { faults: ['3 came after 1'] }, /3 came after 1/]
] as const)('finds %s', ([, entries, changed, found]) => {
  expect(check(entries as LogEntry[], [record(changed as Partial<ClientRecord>)]).join('\n')).toMatch(found)
})
