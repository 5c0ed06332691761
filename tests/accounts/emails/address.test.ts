import { describe, expect, test } from 'vitest'
import { normalizeAddress } from '../../../src/accounts/emails/address.ts'

const keyOf = (text: string): string | undefined => normalizeAddress(text)?.key

describe('an address', () => {
  test.each([
    ['john@example.com', 'john@example.com'],
    ['  John.Doe+chat@EXAMPLE.com ', 'john.doe+chat@example.com'],
    ['jürgen@bücher.example', 'jürgen@xn--bcher-kva.example'],
    ['ju\u0308rgen@bu\u0308cher.example', 'jürgen@xn--bcher-kva.example'],
    ['a@ｅxample．com', 'a@example.com'],
    ["o'brien/x=1@sub.example.co.uk", "o'brien/x=1@sub.example.co.uk"]
  ])('%j is compared as %j', (text, key) => {
    expect(keyOf(text)).toBe(key)
  })

  test('keeps the case of the part before the @ for sending', () => {
    expect(normalizeAddress('John@EXAMPLE.com')?.address).toBe('John@example.com')
  })

  test.each([
    '',
    '@example.com',
    'john@',
    'john',
    'john@localhost',
    'john@127.0.0.1',
    'john@0x7f.1',
    'john@[127.0.0.1]',
    'john@exa mple.com',
    'john@example.com/path',
    'john@example.com:25',
    'john@example.com?x',
    'john@-example.com',
    'john@example..com',
    'john@example.com.',
    'jo hn@example.com',
    'jo\nhn@example.com',
    'john\r\nBcc: x@example.com',
    'john\u0000@example.com',
    'john@exam\u0000ple.com',
    'a,b@example.com',
    'a@b@example.com',
    '<a@example.com>',
    '"a"@example.com',
    'a;b@example.com',
    '\u202ea@example.com',
    '\u200b@example.com',
    '\ud800@example.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'b.'.repeat(130)}com`
  ])('%j is not valid', text => {
    expect(normalizeAddress(text)).toBeUndefined()
  })

  test('of a megabyte is rejected at once', () => {
    expect(normalizeAddress(`${'e\u0301'.repeat(500_000)}@example.com`)).toBeUndefined()
  })
})
