import { Secret } from 'otpauth'
import { expect, test } from 'vitest'
import { createTotpSecret, parseTotpCode, stepOfCode } from '../../../src/accounts/two-factor/totp.ts'

/** The secret of the test vectors in RFC 6238, appendix B. */
const RFC_SECRET = Secret.fromUTF8('12345678901234567890').base32

test.for([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130']
] as const)('accepts the code of RFC 6238 at %i s', ([seconds, code]) => {
  expect(stepOfCode(RFC_SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30))
})

test('accepts a code of the step before and after, and of no other', () => {
  const step = Math.floor(1_234_567_890 / 30)
  const stepAt = (offset: number) => stepOfCode(RFC_SECRET, '005924', (step + offset) * 30_000 + 15_000)
  expect([-2, -1, 0, 1, 2].map(stepAt)).toEqual([undefined, step, step, step, undefined])
})

test('creates secrets of 160 bits, and a URI that names the service and the user', () => {
  const { secret, uri } = createTotpSecret('chat.example.com', 'john')
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  expect(createTotpSecret('chat.example.com', 'john').secret).not.toBe(secret)
  const url = new URL(uri)
  expect(url.protocol).toBe('otpauth:')
  expect(decodeURIComponent(url.pathname)).toMatch(/chat\.example\.com:john$/)
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    secret,
    issuer: 'chat.example.com',
    digits: '6',
    period: '30'
  })
})

test('reads a code with spaces, and nothing else', () => {
  expect(parseTotpCode(' 492 039\n')).toBe('492039')
  for (const text of ['', '49203', '4920391', '49203a', '٤٩٢٠٣٩']) expect(parseTotpCode(text)).toBeUndefined()
})
