/** Tests Fernet with the vectors of its specification (github.com/fernet/spec), and against the npm package `fernet`. */
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { decrypt, encrypt, generateKey, parseKey } from '../../src/crypto/fernet.ts'
import fc, { codePoint } from '../support/properties.ts'

const SECRET = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='
const key = parseKey(SECRET)
// This token is from generate.json and verify.json of the specification. It contains "hello", encrypted at
// 1985-10-26T01:20:00-07:00 with the IV 0, 1, 2, … 15.
const ENCRYPTED_AT = Date.parse('1985-10-26T01:20:00-07:00')
const TOKEN = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=='

describe('the specification', () => {
  test('generate: the same text, time, IV and key result in the same token', () => {
    const iv = Uint8Array.from({ length: 16 }, (_, at) => at)
    expect(encrypt(key, 'hello', { now: ENCRYPTED_AT, iv })).toBe(TOKEN)
  })

  test('verify: the token is decrypted within its time to live', () => {
    const now = Date.parse('1985-10-26T01:20:01-07:00')
    expect(decrypt(key, TOKEN, { ttlSeconds: 60, now })).toBe('hello')
    expect(decrypt(key, TOKEN)).toBe('hello')
  })

  // These tokens are from invalid.json of the specification.
  test.for([
    [
      'incorrect mac',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ=='
    ],
    ['too short', 'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA=='],
    [
      'invalid base64',
      '%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q=='
    ],
    [
      'payload size not multiple of block size',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm'
    ],
    [
      'payload padding error',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw=='
    ],
    [
      'far-future TS (unacceptable clock skew)',
      'gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2Xc2a6kBd-iX9b_qXQcw=='
    ],
    [
      'expired TTL',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q=='
    ],
    [
      'incorrect IV (causes padding error)',
      'gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ=='
    ]
  ] as const)('invalid: %s', ([what, token]) => {
    const now = Date.parse(what === 'expired TTL' ? '1985-10-26T01:21:31-07:00' : '1985-10-26T01:20:01-07:00')
    expect(decrypt(key, token, { ttlSeconds: 60, now })).toBeUndefined()
    // A token that is invalid only because of its timestamp is decrypted if no time to live is given.
    const isTimeAlone = what === 'expired TTL' || what.startsWith('far-future')
    expect(decrypt(key, token)).toBe(isTimeAlone ? '' : undefined)
  })
})

describe('a token', () => {
  const text = fc.string({ unit: codePoint, maxLength: 5000 })

  test('decrypts any text that was encrypted', () => {
    fc.assert(
      fc.property(text, any => {
        expect(decrypt(key, encrypt(key, any, { now: 0 }))).toBe(any)
      })
    )
  })

  test('has a different initialization vector each time', () => {
    const tokens = Array.from({ length: 2000 }, () => encrypt(key, 'same', { now: 0 }))
    expect(new Set(tokens.map(token => Buffer.from(token, 'base64url').toString('hex', 9, 25))).size).toBe(2000)
  })

  test('is not decrypted if any bit was changed, or anything was removed or added', () => {
    const token = encrypt(key, 'the text', { now: 0 })
    const bytes = Buffer.from(token, 'base64url')
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        expect(decrypt(key, changed.toString('base64url'))).toBeUndefined()
        expect(decrypt(key, `${changed.toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`)).toBeUndefined()
      })
    )
    for (const bad of [
      token.slice(0, -1),
      token.slice(4),
      `${token}=`,
      `${token}AAAA`,
      ` ${token}`,
      `${token}\n`,
      ''
    ]) {
      expect(decrypt(key, bad)).toBeUndefined()
    }
  })

  test('is not decrypted in another base64 encoding', () => {
    const standard =
      Array.from({ length: 50 }, () => encrypt(key, 'text', { now: 0 })).find(one => /[-_]/.test(one)) ?? ''
    expect(decrypt(key, standard)).toBe('text')
    expect(decrypt(key, standard.replaceAll('-', '+').replaceAll('_', '/'))).toBeUndefined()
    // The last character before the padding has unused bits. Only the encoding in which they are 0 is valid.
    const padded = encrypt(key, 'x'.repeat(1), { now: 0 })
    expect(padded.endsWith('==')).toBe(true)
    const last = padded.at(-3) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = alphabet[alphabet.indexOf(last) ^ 1]
    expect(decrypt(key, `${padded.slice(0, -3)}${other}==`)).toBeUndefined()
  })

  test('is never decrypted from arbitrary input, and arbitrary input causes no exception', () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), any => {
        expect(decrypt(key, any)).toBeUndefined()
      })
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), any => {
        expect(decrypt(key, Buffer.from(any).toString('base64url'))).toBeUndefined()
      })
    )
  })

  test('is not decrypted with another key', () => {
    expect(decrypt(parseKey(generateKey()), encrypt(key, 'text', { now: 0 }))).toBeUndefined()
  })

  test.for(['', 'short', 'x'.repeat(44), `${SECRET}=`, SECRET.slice(0, -1), SECRET.replace('_', '/'), `${SECRET}\n`])(
    'does not accept the key %j, and does not repeat it in the error',
    bad => {
      expect(() => parseKey(bad)).toThrow(/Fernet key/)
      if (bad) expect(() => parseKey(bad)).not.toThrow(bad)
    }
  )
})

const SAMPLES = ['', 'Hello, world!', 'Grüße 😀 日本語', 'x'.repeat(4000), '\u0000\n\t']

describe('other implementations', () => {
  test('the npm package fernet decrypts tokens of the service, and the service decrypts its tokens', () => {
    const fernet = createRequire(import.meta.url)('fernet')
    const secret = new fernet.Secret(SECRET)
    for (const text of SAMPLES) {
      const theirs = new fernet.Token({ secret, token: encrypt(key, text, { now: Date.now() }), ttl: 0 }).decode()
      expect(theirs).toBe(text)
      expect(decrypt(key, new fernet.Token({ secret, ttl: 0 }).encode(text))).toBe(text)
    }
  })
})
