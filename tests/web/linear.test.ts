/** Tests that the functions that process users' text in the page, the terminal client and the logging take linear time. */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../client/src/index.ts'
import { safePath } from '../../src/lib/logging.ts'
import { describeError, redactText } from '../../src/lib/redact.ts'
import { safeJson, safeLine, safeText } from '../../src/tui/safe-text.ts'
import { cellsOf, cut, graphemesOf, wrap } from '../../src/tui/screen/cells.ts'
import { parseInput } from '../../src/tui/screen/commands.ts'
import { composerLines } from '../../src/tui/screen/composer-lines.ts'
import type { View } from '../../src/tui/screen/conversation.ts'
import { edit } from '../../src/tui/screen/editor.ts'
import { createKeyDecoder, type KeyName } from '../../src/tui/screen/keys.ts'
import { rowsOf } from '../../src/tui/screen/rows.ts'
import { piecesOf } from '../../src/web/links.ts'
import { mentionBefore, mentionsIn, splitAtMentions } from '../../src/web/mentions.ts'
import { initialsOf, roomNameOf } from '../../src/web/names.ts'
import { previewOf } from '../../src/web/preview.ts'
import { excerptOf } from '../../src/web/quotes.ts'
import { expectLinear } from '../support/growth.ts'

/** Texts on which careless regular expressions take quadratic or cubic time. */
const HOSTILE: Record<string, (length: number) => string> = {
  'brackets after a link': length => `https://a.example/${')'.repeat(length)}`,
  'opened and closed brackets in a link': length =>
    `https://a.example/${'([{'.repeat(length / 6)}${'}])'.repeat(length / 6)}`,
  'points and a letter after a link': length => `https://a.example/${'.'.repeat(length)}x`,
  'points and letters after a link': length => `https://a.example/${'.x!'.repeat(length / 3)}`,
  'beginnings of links': length => 'http://'.repeat(length / 7),
  'halves of a beginning': length => 'httphttps:/'.repeat(length / 11),
  'short links': length => 'http://a '.repeat(length / 9),
  'links that cannot be parsed': length => 'http://[ '.repeat(length / 9),
  'long hosts of other scripts': length => `http://${'ä1'.repeat(1000)} `.repeat(length / 2008),
  'one long host': length => `http://${'ä'.repeat(length)}`,
  'one word': length => 'a'.repeat(length),
  'a word before a short one': length => `${'a'.repeat(length)} x`,
  'spaces within words': length => `x${' '.repeat(length)}x`,
  'line ends': length => '\n'.repeat(length),
  'carriage returns': length => '\r'.repeat(length),
  'dashes and a letter': length => `${'-'.repeat(length)}x`,
  'a command with spaces': length => `/a${' '.repeat(length)}\n`,
  'combining marks': length => `a${'\u0301'.repeat(length)}`,
  'combining marks in the wrong order': length => `a${'\u0301\u0323'.repeat(length / 2)}`,
  'characters without width': length => '\u200b'.repeat(length),
  'joined emoji': length => '👩\u200d'.repeat(length / 3),
  flags: length => '🇩'.repeat(length / 2),
  'wide characters': length => '你'.repeat(length),
  jamo: length => '\u1100'.repeat(length),
  'beginnings of tokens': length => 'eyJ'.repeat(length / 3),
  'tokens without a second point': length => 'eyJ.'.repeat(length / 4),
  escapes: length => '\x1b['.repeat(length / 2),
  directions: length => '\u202e\u2066'.repeat(length / 2),
  'halves of surrogate pairs': length => '\ud800'.repeat(length),
  'beginnings of mentions': length => '@'.repeat(length),
  mentions: length => '@a '.repeat(length / 3),
  'a mention of punctuation': length => `@${'.'.repeat(length)}x`,
  'a digit again and again': length => '1'.repeat(length)
}

const PEOPLE = new Map([
  [1, 'a'],
  [2, 'a a'],
  [3, '@@']
])

const draft = (text: string) => ({ before: text, after: text })
const KEYS: KeyName[] = [
  'left',
  'right',
  'wordLeft',
  'wordRight',
  'up',
  'down',
  'home',
  'end',
  'backspace',
  'delete',
  'eraseLine',
  'eraseRest',
  'eraseWord'
]
const view = (content: string): View => {
  const message = {
    id: 1,
    seq: 1,
    room: 'general',
    user_id: 1,
    username: content,
    content,
    created_at: '2026-01-31T12:00:00Z'
  }
  const room = {
    status: 'live' as const,
    messages: [message as Message],
    outgoing: [],
    changes: [],
    hasOlder: false,
    oldest: 1,
    isLoadingOlder: false,
    reads: {},
    presence: undefined,
    typing: []
  }
  return {
    name: 'general',
    label: '#general',
    username: 'ada',
    room,
    notices: [{ key: 'n1', text: content, after: 1 }],
    connection: { status: 'online', since: 0 },
    isUnfolded: true,
    hasNumbers: false,
    unread: '',
    blocked: new Set()
  }
}

const FUNCTIONS: Record<string, (text: string) => unknown> = {
  piecesOf,
  previewOf,
  excerptOf,
  mentionBefore: text => mentionBefore(text, text.length),
  mentionsIn: text => mentionsIn(text, PEOPLE, PEOPLE),
  splitAtMentions: text => splitAtMentions(text, [...PEOPLE.values()]),
  roomNameOf,
  initialsOf,
  safeText,
  safeLine,
  safeJson,
  cellsOf,
  graphemesOf,
  wrap: text => wrap(text, 80),
  cut: text => cut(text, 80),
  parseInput,
  composerLines: text => composerLines(draft(text), 80, 6),
  edit: text => KEYS.map(name => edit(draft(text), { type: 'key', name })),
  'the decoder of keys': text => createKeyDecoder()(text),
  'the decoder of keys, in a paste of many reads': text => {
    const decode = createKeyDecoder()
    decode('\x1b[200~')
    for (let at = 0; at < text.length; at += 16) decode(text.slice(at, at + 16))
    decode('\x1b[201~')
  },
  rowsOf: text => rowsOf(view(text), 80),
  safePath,
  redactText,
  describeError: text => describeError(new Error(text))
}

describe.each(Object.keys(FUNCTIONS))('%s', name => {
  const work = FUNCTIONS[name] as (text: string) => unknown
  test.each(Object.keys(HOSTILE))('takes linear time for %s', kind => {
    expectLinear(HOSTILE[kind] as (length: number) => string, work)
  })
})

test('has a row for each line of a message with more lines than a call may have arguments', () => {
  expect(rowsOf(view('\n'.repeat(300_000)), 80).length).toBeGreaterThan(300_000)
})
