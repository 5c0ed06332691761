/** Tests the page's functions for text and messages: rules for usernames and passwords, links, names, days and groups. */
import { expect, test } from 'vitest'
import type { Message, Outgoing } from '../../client/src/index.ts'
import { PASSWORD_RULES, type Rule, USERNAME_RULES } from '../../client/src/rules.ts'
import { RoomName } from '../../src/protocol/http/messages.ts'
import { Password, Username } from '../../src/protocol/http/users.ts'
import { compile } from '../../src/protocol/validation.ts'
import { deviceOf } from '../../src/web/account/device.ts'
import { piecesOf } from '../../src/web/links.ts'
import { mailLinkOf } from '../../src/web/mail-links.ts'
import { groupMessages } from '../../src/web/message-groups.ts'
import { hueOf, initialsOf, roomNameOf } from '../../src/web/names.ts'
import { previewOf } from '../../src/web/preview.ts'
import { dayName } from '../../src/web/times.ts'
import fc, { codePoint } from '../support/properties.ts'

const characters = fc.constantFrom('a', 'Z', 'é', 'É', '7', '٣', '_', '-', ' ', '😀', '\u0000')
const texts = fc
  .array(characters, { maxLength: 12 })
  .chain(some => fc.constantFrom(1, 5, 12).map(times => some.join('').repeat(times)))

test.each([
  ['a username', USERNAME_RULES, Username],
  ['a password', PASSWORD_RULES, Password]
])(
  'meets all rules of the SDK for %s exactly when the value is valid by the service’s schema',
  (_, rules: readonly Rule[], schema) => {
    const isValid = compile(schema)
    fc.assert(
      fc.property(texts, text => {
        expect([text, rules.every(({ isMet }) => isMet(text))]).toEqual([text, isValid(text)])
      })
    )
  }
)

test('finds only http and https links, without the punctuation after them', () => {
  const links = (text: string) => piecesOf(text).flatMap(({ text, href }) => (href === undefined ? [] : [text]))
  expect(links('see https://a.example/b_(c), (http://d.example/e). HTTPS://F.example!')).toEqual([
    'https://a.example/b_(c)',
    'http://d.example/e',
    'HTTPS://F.example'
  ])
  expect(links('javascript:alert(1) data:text/html,x ftp://a.example http:// https://[ www.a.example')).toEqual([])
  expect(links('<a href="https://a.example">')).toEqual(['https://a.example'])
})

test.each([
  ['a letter of another script', 'https://аррӏе.com/login', 'xn--80ak6aa92e.com'],
  ['another script as a whole', 'https://пример.example', 'xn--e1afmkfd.example'],
  ['a name before an @', 'https://bank.example@evil.example/', 'evil.example'],
  ['a name and a port before an @', 'https://bank.example:443@evil.example', 'evil.example'],
  ['a backslash', 'https://evil.example\\.bank.example/', 'evil.example'],
  ['percent signs', 'http://%65vil.example', 'evil.example'],
  ['a number', 'http://0x7f000001/', '127.0.0.1'],
  ['characters without width', 'https://bank\u00ad.example\u200b', 'bank.example'],
  ['a slash of another script', 'https://bank.example⁄evil.example', 'bank.xn--exampleevil-lx3f.example']
])('shows the host of a link with %s', (_, text, host) => {
  expect(piecesOf(text)).toMatchObject([{ text, host }])
})

test.each(['https://a.example/é?ü#я', 'HTTPS://A.Example', 'https://a.example:443/', 'http://[::1]:8000/@b'])(
  'adds no host to a link that shows its host: %s',
  text => {
    expect(piecesOf(text)).toEqual([{ text, href: new URL(text).href }])
  }
)

test('finds no link that is longer than 2,048 characters or contains a direction character', () => {
  expect(piecesOf(`https://a.example/${'x'.repeat(2048)}`)).toHaveLength(1)
  expect(piecesOf('https://a.example/\u061cb \u202ehttps://c.example')).toMatchObject([
    { href: 'https://a.example/' },
    { text: '\u061cb \u202e' },
    { href: 'https://c.example/' }
  ])
})

test('truncates a long message at a line or a word, but not a short message', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, at) => `line ${at}`).join('\n')
  expect(previewOf(lines(20))).toBe(lines(20))
  expect(previewOf(lines(21))).toBe(lines(15))
  expect(previewOf('word '.repeat(400))).toBe('word '.repeat(400))
  expect(previewOf('word '.repeat(401))).toBe('word '.repeat(300).slice(0, -1))
  fc.assert(
    fc.property(fc.constantFrom('x', '😀', 'a ', 'e\u0301', '\n', ' '), fc.nat(3000), (part, count) => {
      const text = part.repeat(count)
      const beginning = previewOf(text)
      expect(text.startsWith(beginning)).toBe(true)
      expect(beginning.isWellFormed()).toBe(true)
      expect(beginning.length > 1300 || beginning === text || beginning.split('\n').length >= 15).toBe(true)
    })
  )
})

test('keeps the whole text in the pieces of any text', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('https://', 'a.b', '/', '(', ')', '.', ' ', '\u202e', '"', 'x')), parts => {
      const text = parts.join('')
      const pieces = piecesOf(text)
      expect(pieces.map(piece => piece.text).join('')).toBe(text)
      for (const { href } of pieces) if (href !== undefined) expect(href).toMatch(/^https?:\/\//)
    })
  )
})

test('derives a valid room name, or an empty text, from any title', () => {
  expect(roomNameOf('  Käse & Brot! ')).toBe('kase-brot')
  expect(roomNameOf('日本')).toBe('')
  const isName = new RegExp(RoomName.pattern ?? '')
  fc.assert(
    fc.property(fc.string({ unit: codePoint }), title => roomNameOf(title) === '' || isName.test(roomNameOf(title)))
  )
})

test('derives initials from two words or two letters, and ten colours for ten consecutive ids', () => {
  expect(['mary-ann', 'ada', 'x_1', 'Élodie Dupont', '---'].map(initialsOf)).toEqual(['MA', 'AD', 'X1', 'ÉD', ''])
  expect(new Set(Array.from({ length: 10 }, (_, at) => hueOf(at + 1))).size).toBe(10)
})

const message = (seq: number, at: string, user_id = 1, more: Partial<Message> = {}): Message => ({
  id: seq,
  room: 'general',
  seq,
  user_id,
  username: `user-${user_id}`,
  content: `message ${seq}`,
  created_at: at,
  ...more
})

test('groups messages by author within a few minutes, and separates days', () => {
  const messages = [
    message(1, '2026-01-30T12:00:00.000Z'),
    message(2, '2026-01-31T12:00:00.000Z'),
    message(3, '2026-01-31T12:04:00.000Z'),
    message(4, '2026-01-31T12:20:00.000Z'),
    message(5, '2026-01-31T12:21:00.000Z', 2)
  ]
  const days = groupMessages(messages, [], { id: 2, username: 'user-2' })
  const seen = days.map(({ groups }) => groups.map(({ isOwn, lines }) => [isOwn, lines.length]))
  expect(seen).toEqual([
    [[false, 1]],
    [
      [false, 2],
      [false, 1],
      [true, 1]
    ]
  ])
})

test('keeps the key of the user’s own message when the message arrives, and starts no earlier day if the clock is slow', () => {
  const me = { id: 1, username: 'user-1' }
  const before = message(1, '2026-01-31T12:00:00.000Z', 2)
  const outgoing: Outgoing = {
    type: 'message',
    nonce: 'n1',
    room: 'general',
    content: 'hi',
    createdAt: Date.parse('2026-01-29T12:00:00.000Z'),
    status: 'pending'
  }
  const waiting = groupMessages([before], [outgoing], me)
  const stored = groupMessages([before, message(2, '2026-01-31T12:01:00.000Z', 1, { nonce: 'n1' })], [], me)
  expect(waiting).toHaveLength(1)
  expect(waiting[0]?.groups[1]?.lines[0]?.key).toBe(stored[0]?.groups[1]?.lines[0]?.key)
})

test('names days relative to today', () => {
  const now = new Date(2026, 0, 31, 12).getTime()
  expect(dayName(now, now)).toBe('Today')
  expect(dayName(new Date(2026, 0, 30, 23).getTime(), now)).toBe('Yesterday')
  expect(dayName(new Date(2025, 5, 1).getTime(), now)).toContain('2025')
})

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0', 'Edge on Windows'],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1',
    'Safari on iPhone'
  ],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['curl/8.5.0', 'curl'],
  [null, 'Unknown device']
])('names the device with the user agent %s', (agent, name) => {
  expect(deviceOf(agent)).toBe(name)
})

test('finds the token of a mail link, and does not read the name of a room as one', () => {
  expect(mailLinkOf('#reset=a-B_c.9')).toEqual({ purpose: 'reset', token: 'a-B_c.9' })
  expect(mailLinkOf('#verify=x')).toEqual({ purpose: 'verify', token: 'x' })
  const isName = new RegExp(RoomName.pattern ?? '')
  for (const hash of ['#general', '#reset', '#reset=', '#other=x', '#reset=a b', '']) {
    expect(mailLinkOf(hash)).toBeUndefined()
  }
  expect(isName.test('reset=x')).toBe(false)
})
