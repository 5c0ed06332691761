/**
 * Tests that the functions that process the text of users, clients and other servers take linear time.
 * tests/regular-expressions.test.ts tests each regular expression by itself.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../client/src/index.ts'
import { withText } from '../client/src/message.ts'
import { isOverlong } from '../routes/normalize-password.ts'
import { normalizeAddress as normalizeEmail } from '../src/accounts/emails/address.ts'
import { usernamesFor } from '../src/accounts/issuers/usernames.ts'
import { renderMail } from '../src/accounts/mail/render.ts'
import { isReservedName } from '../src/accounts/reserved-names.ts'
import { parseRefreshToken, sessionIdOfToken } from '../src/accounts/sessions/refresh-token.ts'
import { extractToken } from '../src/accounts/tokens/extract-token.ts'
import { parseRecoveryCode } from '../src/accounts/two-factor/recovery-codes.ts'
import { parseTotpCode } from '../src/accounts/two-factor/totp.ts'
import { readEnvelope } from '../src/bus/envelope.ts'
import { encode } from '../src/chat/connections/encoded.ts'
import { messageText } from '../src/chat/kinds/message.ts'
import { decrypt, encrypt, generateKey, parseKey } from '../src/crypto/fernet.ts'
import { asciiJson } from '../src/lib/ascii-json.ts'
import { networkOf, normalizeAddress } from '../src/lib/client-address.ts'
import { brokenBound, outlineOf } from '../src/lib/json-bounds.ts'
import { safeHeader, safePath } from '../src/lib/logging.ts'
import { createOrigins, isAllowedByCors, isOwnOrigin, parseOrigin } from '../src/lib/origins.ts'
import { describeError, redactText } from '../src/lib/redact.ts'
import { isSecureUrl } from '../src/lib/secure-url.ts'
import { inOneLine, isVisible, wellFormed } from '../src/lib/text.ts'
import { foldName } from '../src/ops/import-fastapi/names.ts'
import { isRoomName } from '../src/protocol/http/messages.ts'
import { normalizePassword } from '../src/protocol/http/users.ts'
import { characters } from '../src/protocol/validation.ts'
import { safeJson, safeLine, safeText } from '../src/tui/safe-text.ts'
import { cellsOf, cut, graphemesOf, wrap } from '../src/tui/screen/cells.ts'
import { colourOf } from '../src/tui/screen/colours.ts'
import { parseInput } from '../src/tui/screen/commands.ts'
import { composerLines } from '../src/tui/screen/composer-lines.ts'
import type { View } from '../src/tui/screen/conversation.ts'
import { edit } from '../src/tui/screen/editor.ts'
import { createKeyDecoder, type KeyName } from '../src/tui/screen/keys.ts'
import { parseMessageCommand } from '../src/tui/screen/message-commands.ts'
import { parseRoomCommand } from '../src/tui/screen/room-commands.ts'
import { rowsOf } from '../src/tui/screen/rows.ts'
import { deviceOf } from '../src/web/account/device.ts'
import { searchEmojis } from '../src/web/actions/emojis.ts'
import { shownKey } from '../src/web/actions/reaction-keys.ts'
import { piecesOf } from '../src/web/links.ts'
import { mailLinkOf } from '../src/web/mail-links.ts'
import { completionsOf, mentionBefore, mentionsIn, mentionsInEdit, splitAtMentions } from '../src/web/mentions.ts'
import { initialsOf, roomNameOf } from '../src/web/names.ts'
import { previewOf } from '../src/web/preview.ts'
import { excerptOf } from '../src/web/quotes.ts'
import { expectLinear } from './support/growth.ts'
import { exportedFunctions, sources } from './support/sources.ts'

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
  'a digit again and again': length => '1'.repeat(length),
  backslashes: length => `{"a":"${'\\'.repeat(length)}`,
  'escaped quotes': length => `{"a":"${'\\"'.repeat(length / 2)}`,
  'opened arrays': length => '['.repeat(length),
  'an address with many colons': length => `[${':1'.repeat(length / 2)}]`,
  'headers with many parts': length => `bearer ${', '.repeat(length / 2)}`,
  'dots before an @': length => `a@${'a.'.repeat(length / 2)}`
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

const encryptionKey = parseKey(generateKey())
const now = Date.parse('2026-01-31T12:00:00Z')
/** Runs a function that rejects most texts. */
const fails = (work: () => unknown): void => expect(work).toThrow()
const origins = createOrigins(['https://*.example.com'])

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
  describeError: text => describeError(new Error(text)),
  completionsOf: text => completionsOf(text, PEOPLE, 1),
  mentionsInEdit: text => mentionsInEdit(text, { content: text, mentions: [1, 4] }, PEOPLE, PEOPLE),
  mailLinkOf,
  deviceOf,
  searchEmojis,
  shownKey,
  colourOf,
  parseMessageCommand,
  parseRoomCommand,
  withText: text => withText({ content: text } as Message, text, {}),
  isOverlong,
  normalizePassword,
  characters,
  inOneLine,
  isVisible,
  wellFormed,
  asciiJson,
  isRoomName,
  foldName,
  messageText: text => messageText(`a${text}`, Number.POSITIVE_INFINITY),
  encode,
  encrypt: text => encrypt(encryptionKey, text, { now }),
  decrypt: text => decrypt(encryptionKey, text),
  brokenBound: text => brokenBound(text, { maxDepth: Number.POSITIVE_INFINITY, maxParts: Number.POSITIVE_INFINITY }),
  outlineOf,
  readEnvelope,
  normalizeAddress,
  'normalizeAddress, of e-mails': normalizeEmail,
  networkOf,
  safeHeader,
  parseOrigin,
  isOwnOrigin: text => isOwnOrigin(text, text),
  isAllowedByCors: text => isAllowedByCors({ 'access-control-allow-origin': text }, text, true),
  'the allowed origins': text => origins.isAllowed(text),
  isSecureUrl,
  parseKey: text => fails(() => parseKey(text)),
  isReservedName,
  'usernamesFor a name of another issuer': text => [...usernamesFor(text)],
  'renderMail with a name': text =>
    renderMail(
      { subject: () => text, paragraphs: () => [text, text] },
      { site: text, username: text, params: {} },
      text
    ),
  parseRefreshToken,
  sessionIdOfToken,
  'extractToken from headers': text => extractToken({ authorization: text, subprotocols: text }),
  parseRecoveryCode,
  parseTotpCode
}

/** Functions that have a parameter for text and are not tested, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  createTotpSecret: 'a username is short',
  hashOfName: 'hashes a username, which is short',
  isCommon: 'checks a password only if it is not too long',
  isMostlyName: 'checks a password only if it is not too long',
  readAsLetters: 'checks a password only if it is not too long',
  wordsOf: 'checks a password only if it is not too long',
  reactionKey: 'the schema limits the length of a key',
  corsHeaders: 'calls isAllowed',
  deliver: 'calls readEnvelope',
  printToError: 'calls safeText',
  readNewUser: 'reads the terminal',
  download: 'saves a file in the browser',
  openUserStorage: 'uses the storage of the browser',
  takeUserData: 'uses the storage of the browser',
  restoreUserData: 'uses the storage of the browser',
  run: 'runs the SQL of a migration'
}

/** Names of parameters for texts of users, clients and other servers. */
const TEXT = /^(?:text|json|title|content|query|password|username|userAgent|payload|address|origin)$/

test('contains each exported function with a parameter for text, such as `text`, `title`, `query` or `username`', () => {
  const known = new Set([...Object.keys(FUNCTIONS), ...Object.keys(OTHERS)].map(name => name.split(/[ ,]/)[0]))
  expect(Object.keys(OTHERS).filter(name => name in FUNCTIONS)).toEqual([])
  const missing = sources.flatMap(({ file, program }) =>
    exportedFunctions(program)
      .filter(({ name, strings }) => strings.some(one => TEXT.test(one)) && !known.has(name))
      .map(({ name }) => `${file}: ${name}`)
  )
  expect(missing).toEqual([])
})

describe.each(Object.keys(FUNCTIONS))('%s', name => {
  const work = FUNCTIONS[name] as (text: string) => unknown
  test.each(Object.keys(HOSTILE))('takes linear time for %s', kind => {
    expectLinear(HOSTILE[kind] as (length: number) => string, work)
  })
})

test('has a row for each line of a message with more lines than a call may have arguments', () => {
  const lines = 150_000
  expect(() => Math.max(...new Array(lines))).toThrow(RangeError)
  expect(rowsOf(view('\n'.repeat(lines)), 80).length).toBeGreaterThan(lines)
})
