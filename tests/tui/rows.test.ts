/** Tests how the messages of a room are arranged in rows: wrapping, order and scroll position. */
import { expect, test } from 'vitest'
import type { Message, Outgoing, RoomState } from '../../client/src/index.ts'
import { cellsOf, cut, wrap } from '../../src/tui/screen/cells.ts'
import { colourOf } from '../../src/tui/screen/colours.ts'
import { composerLines } from '../../src/tui/screen/composer-lines.ts'
import type { View } from '../../src/tui/screen/conversation.ts'
import { type Row, rowsOf } from '../../src/tui/screen/rows.ts'
import { scrollBy, visibleRows } from '../../src/tui/screen/scroll.ts'
import fc from '../support/properties.ts'

const message = (seq: number, more: Partial<Message> = {}): Message =>
  ({
    id: seq,
    room: 'general',
    seq,
    user_id: 2,
    username: 'bob',
    content: `message ${seq}`,
    created_at: new Date(2026, 0, 31, 12, seq).toISOString(),
    ...more
  }) as Message

const view = (room: Partial<RoomState>, more: Partial<View> = {}): View => ({
  name: 'general',
  label: '#general',
  username: 'ada',
  notices: [],
  isUnfolded: false,
  hasNumbers: false,
  unread: '',
  blocked: new Set(),
  connection: { status: 'online', since: 0 },
  room: {
    status: 'live',
    messages: [],
    outgoing: [],
    changes: [],
    hasOlder: false,
    oldest: 1,
    isLoadingOlder: false,
    reads: {},
    presence: undefined,
    typing: [],
    ...room
  },
  ...more
})

const shown = (rows: readonly Row[]): string[] => rows.map(({ spans }) => spans.map(({ text }) => text).join(''))

test('shows time and name of a message, and indents its following lines', () => {
  const long = message(1, { content: 'one two three four five six seven eight nine ten eleven twelve' })
  expect(shown(rowsOf(view({ messages: [long] }), 60)).slice(1)).toEqual([
    '12:01 bob one two three four five six seven eight nine ten ',
    '          eleven twelve'
  ])
  expect(shown(rowsOf(view({ messages: [long] }), 30)).slice(1)).toEqual([
    '12:01 bob one two three four ',
    '  five six seven eight nine ',
    '  ten eleven twelve'
  ])
})

test('collapses a message of many rows until the user expands it', () => {
  const long = message(1, { content: Array.from({ length: 1500 }, (_, at) => `line ${at}`).join('\n') })
  const room = { messages: [long, message(2)] }
  const rows = shown(rowsOf(view(room), 60))
  // The rows are the date, thirty lines, the number of hidden rows, and the next message.
  expect(rows).toHaveLength(33)
  expect(rows.slice(-3)).toEqual([
    '          line 29',
    '  … 1470 more rows. Type /more to show them',
    '12:02 bob message 2'
  ])
  expect(rowsOf(view(room, { isUnfolded: true }), 60)).toHaveLength(1502)
  expect(new Set(rowsOf(view(room), 60).map(({ key }) => key)).size).toBe(33)
})

test('keeps wide characters, emoji and endless words within the window', () => {
  const pieces = fc.constantFrom(
    '你',
    '好',
    '👨‍👩‍👧',
    '👋🏽',
    'e\u0301',
    'a',
    ' ',
    '\n',
    '\t',
    'مر',
    '\x1b[2J',
    'wordword'
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 80 }), fc.integer({ min: 12, max: 100 }), (parts, width) => {
      const messages = [message(1, { content: parts.join(''), username: '長い名前' })]
      for (const row of shown(rowsOf(view({ messages }), width))) expect(cellsOf(row)).toBeLessThanOrEqual(width)
    })
  )
})

test('loses only spaces at the ends of lines when it wraps', () => {
  expect(wrap('ab  cd', 3)).toEqual(['ab', 'cd'])
  expect(wrap('你好世界', 5)).toEqual(['你好', '世界'])
  expect(wrap('abcdefgh', 3, 2)).toEqual(['ab', 'cde', 'fgh'])
  expect(wrap('  indented', 20)).toEqual(['  indented'])
  expect(cut('你好世界', 5)).toBe('你好…')
})

test('shows control characters in messages and names as symbols', () => {
  const messages = [message(1, { content: 'x\x1b]0;t\x07', username: 'b\x1b[Aob' })]
  const text = shown(rowsOf(view({ messages }), 80)).join('\n')
  expect(text).toContain('b␛[Aob x␛]0;t␇')
  expect(text).not.toContain('\x1b')
})

test('separates days, and marks a message that cannot be shown', () => {
  const messages = [message(1), message(2, { content: null, unavailable: 'key', created_at: '2026-02-03T12:00:00Z' })]
  const rows = shown(rowsOf(view({ messages }), 40))
  expect(rows[0]).toContain('2026-01-31')
  expect(rows[2]).toContain('2026-02-03')
  expect(rows[3]).toContain('(cannot be shown)')
})

test('shows notices after the message that they followed, and unsent messages last, marked', () => {
  const unsent: Outgoing = {
    type: 'message',
    nonce: 'n',
    room: 'general',
    content: 'hello',
    createdAt: 0,
    status: 'pending'
  }
  const error = { code: 'too_long', detail: 'Too long.' }
  const room = {
    messages: [message(1), message(2)],
    outgoing: [unsent, { ...unsent, nonce: 'm', status: 'failed' as const, error }]
  }
  const notices = [
    { key: 'n0', text: 'before', after: 0 },
    { key: 'n1', text: 'bob joined', after: 1 },
    { key: 'n2', text: 'bob left', after: 2 }
  ]
  expect(shown(rowsOf(view(room, { notices }), 80))).toEqual([
    '* before',
    expect.stringContaining('2026-01-31'),
    '12:01 bob message 1',
    '* bob joined',
    '12:02 bob message 2',
    '* bob left',
    '  …   ada hello',
    '  ✗   ada hello',
    '  not sent: Too long. /retry or /discard'
  ])
})

test('keeps the scroll position while messages arrive below and pages load above', () => {
  const from = (first: number, last: number) =>
    rowsOf(view({ messages: Array.from({ length: last - first + 1 }, (_, at) => message(first + at)) }), 80)
  const rows = from(10, 40)
  const { position } = scrollBy(rows, 5, undefined, -7)
  const seen = shown(visibleRows(rows, 5, position))
  expect(seen.at(-1)).toContain('message 33')
  expect(shown(visibleRows(from(1, 60), 5, position))).toEqual(seen)
  expect(scrollBy(rows, 5, position, 100).position).toBeUndefined()
  expect(scrollBy(rows, 5, position, -5).isAtTop).toBe(false)
  expect(scrollBy(rows, 5, position, -100).isAtTop).toBe(true)
  expect(shown(visibleRows(rows, 5, scrollBy(rows, 5, position, -100).position))[0]).toContain('2026-01-31')
})

test('places the cursor at the position of the next character', () => {
  expect(composerLines({ before: '你好', after: 'x' }, 10, 3)).toEqual({ lines: ['你好x'], row: 0, column: 4 })
  expect(composerLines({ before: '你好', after: '' }, 4, 3)).toEqual({ lines: ['你好', ''], row: 1, column: 0 })
  expect(composerLines({ before: 'a\nb\nc\nd', after: '\ne' }, 10, 2)).toEqual({ lines: ['c', 'd'], row: 1, column: 1 })
})

test('assigns the same colour to a name regardless of case', () => {
  expect(colourOf('Ada')).toBe(colourOf('ada'))
  expect(new Set(['ada', 'bob', 'eve', 'john', 'mallory', 'trent'].map(colourOf)).size).toBeGreaterThan(3)
})

test('marks edited, deleted and pending messages, quotes the messages that they reply to, and lists reactions', () => {
  const reply = { seq: 1, user_id: 2, username: 'bob', excerpt: 'message\n1' }
  const messages = [
    message(1, {
      edited_at: '2026-01-31T12:00:00Z',
      reactions: [
        { key: '❤', count: 2 },
        { key: '+1', count: 1 }
      ],
      mine: ['+1']
    }),
    message(2, { reply_to: 1, reply, pending: true }),
    message(3, { content: null, unavailable: 'erased', changed_seq: 9 }),
    message(4, { reply_to: 3, reply: { seq: 3, user_id: 2, username: 'bob', unavailable: 'erased' } }),
    message(5, { reply_to: 1, reply: { seq: 1, unavailable: 'expired' } }),
    message(6, { reply_to: 1 })
  ]
  const expected = [
    '12:01 bob message 1 (edited)',
    '  ❤️ 2  [+1 1]',
    '  ┌ bob: message 1',
    '12:02 bob message 2 …',
    '12:03 bob (deleted)',
    '  ┌ bob: (deleted)',
    '12:04 bob message 4',
    '  ┌ (no longer available)',
    '12:05 bob message 5',
    '  ┌ #1',
    '12:06 bob message 6'
  ]
  expect(shown(rowsOf(view({ messages }), 80)).slice(1)).toEqual(expected)
  const numbered = shown(rowsOf(view({ messages }, { hasNumbers: true }), 80))
  expect(numbered[1]).toBe('#1 12:01 bob message 1 (edited)')
  expect(new Set(rowsOf(view({ messages }), 80).map(({ key }) => key)).size).toBe(expected.length + 1)
})

test('keeps quotes and reactions within the window', () => {
  const reactions = Array.from({ length: 20 }, (_, at) => ({ key: `key${at}`, count: 10 ** at }))
  const reply = { seq: 1, user_id: 2, username: '長い名前', excerpt: '你好'.repeat(50) }
  const rows = shown(rowsOf(view({ messages: [message(2, { reply_to: 1, reply, reactions })] }), 24))
  for (const row of rows) expect(cellsOf(row)).toBeLessThanOrEqual(24)
})

test('shows why a change was refused', () => {
  const error = { code: 'edit_window_over', detail: 'Too late.' }
  const change = { type: 'edit', target: 7, nonce: 'n', room: 'general', content: 'x', createdAt: 0, error } as const
  const changes = [{ ...change, status: 'failed' } as const, { ...change, nonce: 'm', status: 'pending' } as const]
  expect(shown(rowsOf(view({ changes }), 80))).toEqual(['  ✗ #7 was not edited: Too late. /retry or /discard'])
})
