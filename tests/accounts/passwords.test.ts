import * as nodeBcrypt from '@node-rs/bcrypt'
import { describe, expect, test } from 'vitest'
import { type Bcrypt, createPasswords } from '../../src/accounts/passwords.ts'
import { ChatError } from '../../src/protocol/errors.ts'

const passwords = createPasswords({ rounds: 4 })

/** Wraps bcrypt. Counts its calls, and records the maximum number of concurrent calls. */
const countingBcrypt = () => {
  const calls = { hash: 0, verify: 0, running: 0, maximum: 0 }
  const counted = async <T>(kind: 'hash' | 'verify', work: () => Promise<T>): Promise<T> => {
    calls[kind]++
    calls.maximum = Math.max(calls.maximum, ++calls.running)
    try {
      return await work()
    } finally {
      calls.running--
    }
  }
  const bcrypt: Bcrypt = {
    ...nodeBcrypt,
    hash: (...given) => counted('hash', () => nodeBcrypt.hash(...given)),
    verify: (...given) => counted('verify', () => nodeBcrypt.verify(...given))
  }
  return { bcrypt, calls }
}

describe('a password', () => {
  test('verifies against its hash, and no other does', async () => {
    const hash = await passwords.hash('SecurePass123')
    expect(hash).toMatch(/^\$2[aby]\$04\$/)
    expect(await passwords.verify('SecurePass123', hash)).toBe('current')
    expect(await passwords.verify('SecurePass124', hash)).toBe('none')
  })

  test.for([
    ['72 bytes', 'A1a'.repeat(24)],
    ['73 bytes', `${'A1a'.repeat(24)}x`],
    ['128 characters of four bytes', '😀'.repeat(128)]
  ] as const)('of %s is compared up to its last byte', async ([, password]) => {
    const hash = await passwords.hash(password)
    expect(await passwords.verify(password, hash)).toBe('current')
    expect(await passwords.verify(`${password}x`, hash)).toBe('none')
    expect(await passwords.verify(password.slice(0, -2), hash)).toBe('none')
  })

  test('that is the digest of a long password does not verify as the long password', async () => {
    const long = 'A1a'.repeat(40)
    const { createHash } = await import('node:crypto')
    const digest = createHash('sha256').update(long).digest('base64')
    expect(await passwords.verify(digest, await passwords.hash(long))).toBe('none')
  })

  test('verifies regardless of the Unicode normalization of its letters', async () => {
    const [composed, decomposed] = ['Sécure-Päss-1'.normalize('NFC'), 'Sécure-Päss-1'.normalize('NFD')]
    expect(composed).not.toBe(decomposed)
    for (const stored of [composed, decomposed]) {
      const hash = await passwords.hash(stored)
      for (const given of [composed, decomposed]) expect(await passwords.verify(given, hash)).toBe('current')
      expect(await passwords.verify('Secure-Pass-1', hash)).toBe('none')
    }
  })

  test('that was hashed without normalization verifies, and needs a new hash', async () => {
    const received = 'Sécure-Pass-1'.normalize('NFD')
    const hash = await nodeBcrypt.hash(received, { cost: 4 })
    expect(await passwords.verify(received, hash)).toBe('outdated')
    const renewed = await passwords.hash(received)
    expect(await passwords.verify(received, renewed)).toBe('current')
    expect(await passwords.verify(received.normalize('NFC'), renewed)).toBe('current')
  })

  test.for([
    ['composed', 'NFC'],
    ['decomposed', 'NFD']
  ] as const)('that was hashed in decomposed form verifies in %s form, and needs a new hash', async ([, form]) => {
    for (const password of ['Sécure-Pass-1', `Sécure-Pass-${'1'.repeat(80)}`]) {
      const hash = await nodeBcrypt.hash(password.normalize('NFD'), { cost: 4 })
      expect(await passwords.verify(password.normalize(form), hash)).toBe('outdated')
      expect(await passwords.verify(`X${password.normalize(form)}`, hash)).toBe('none')
    }
  })

  const mixed = 'Wr\u00f3ng-Pa\u0301ss-123'

  test.for([
    ['of ASCII', 'Wrong-Pass-123', 1],
    ['in composed form', mixed.normalize('NFC'), 2],
    ['in decomposed form', mixed.normalize('NFD'), 2],
    ['in a mixed form', mixed, 3]
  ] as const)(
    '%s that is wrong costs equally many verifications for known and unknown users',
    async ([, given, count]) => {
      const { bcrypt, calls } = countingBcrypt()
      const counted = createPasswords({ rounds: 4, bcrypt })
      for (const hash of [await counted.hash('SecurePass123'), undefined]) {
        calls.verify = 0
        expect(await counted.verify(given, hash)).toBe('none')
        expect(calls.verify).toBe(count)
      }
    }
  )

  test('hashed by the FastAPI backend ($2b$12$) verifies, and needs no new hash', async () => {
    // Passlib 1.7.4 created this hash: CryptContext(schemes=["bcrypt"]).hash("SecurePass123").
    const theirs = '$2b$12$8.cOP0F3YXkZZWOZCqTka.rjxcOLzQ1Bfk4VWkHD4aGHKlmfni1lW'
    const ours = createPasswords({ rounds: 12 })
    expect(await ours.verify('SecurePass123', theirs)).toBe('current')
  })

  test('needs a new hash if its hash has a lower cost or ignores bytes after the 72nd', async () => {
    const stronger = createPasswords({ rounds: 5 })
    const hash = await passwords.hash('SecurePass123')
    expect(await stronger.verify('SecurePass123', hash)).toBe('outdated')
    expect(await passwords.verify('SecurePass123', hash)).toBe('current')
    const long = 'A1a'.repeat(40)
    const imported = await nodeBcrypt.hash(long, { cost: 4 })
    expect(await passwords.verify(long, imported)).toBe('outdated')
    expect(await passwords.verify(long, await passwords.hash(long))).toBe('current')
  })
})

describe('for a user without a valid hash,', () => {
  test.for([undefined, null, '', 'garbage', '$2b$12$short'])(
    'the hash %j costs one verification like any other',
    async hash => {
      const { bcrypt, calls } = countingBcrypt()
      const counted = createPasswords({ rounds: 4, bcrypt })
      expect(await counted.verify('SecurePass123', hash)).toBe('none')
      const { verify } = calls
      await counted.verify('SecurePass123', hash)
      expect(calls.verify - verify).toBe(1)
    }
  )

  test('the password of the decoy hash is rejected too', async () => {
    expect(await passwords.verify('decoy', undefined)).toBe('none')
  })
})

describe('a failed verification', () => {
  test.for([
    ['of a lower cost', () => nodeBcrypt.hash('SecurePass123', { cost: 4 })],
    ['of the service’s cost', () => nodeBcrypt.hash('SecurePass123', { cost: 6 })],
    ['that was hashed with SHA-256 first', () => createPasswords({ rounds: 6 }).hash('A1a'.repeat(40))],
    [
      'that was hashed with SHA-256 first, of a lower cost',
      () => createPasswords({ rounds: 4 }).hash('A1a'.repeat(40))
    ],
    ['that is garbage', async () => 'sha256+garbage'],
    ['that is none', async () => null]
  ] as [string, () => Promise<string | null>][])(
    'takes as many iterations as one hash at the service’s cost for a stored hash %s',
    async ([, stored]) => {
      const hash = await stored()
      let iterations = 0
      const { bcrypt } = countingBcrypt()
      const counted = createPasswords({
        rounds: 6,
        bcrypt: {
          ...bcrypt,
          hash: (given, options) => {
            iterations += 2 ** (options?.cost ?? 0)
            return bcrypt.hash(given, options)
          },
          verify: (given, against) => {
            iterations += 2 ** bcrypt.parseOptions(String(against)).cost
            return bcrypt.verify(given, against)
          }
        }
      })
      await counted.verify('decoy', null)
      iterations = 0
      expect(await counted.verify('WrongPass123', hash)).toBe('none')
      expect(iterations).toBe(2 ** 6)
    }
  )
})

describe('the limit of concurrent hashes', () => {
  test('is not exceeded, and too many waiting requests are rejected with busy', async () => {
    const { bcrypt, calls } = countingBcrypt()
    const few = createPasswords({ rounds: 4, concurrency: 2, maxQueue: 3, bcrypt })
    const hashes = Array.from({ length: 8 }, () => few.hash('SecurePass123').catch(error => error))
    const results = await Promise.all(hashes)
    expect(calls.maximum).toBe(2)
    const refused = results.filter(result => result instanceof ChatError)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({ code: 'busy', retryAfterMs: expect.any(Number) })
    expect(await few.hash('SecurePass123')).toMatch(/^\$2/)
  })
})
