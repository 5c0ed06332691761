import { describe, expect, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'

const now = () => 0
const [old, current] = [generateKey(), generateKey()]

describe('the keyring', () => {
  test('encrypts with the newest key and decrypts with all', () => {
    const before = createKeyring({ current: old, now })
    const after = createKeyring({ current, previous: [old], now })
    const encrypted = before.encrypt('text')
    expect(after.decrypt(encrypted.token, encrypted.keyId)).toBe('text')
    expect(after.encrypt('text').keyId).toBe(after.currentKeyId)
    expect(after.encrypt('text').keyId).not.toBe(encrypted.keyId)
    expect(before.decrypt(after.encrypt('text').token)).toBeUndefined()
  })

  test('derives the id of a key from the key, regardless of its place in the list', () => {
    const alone = createKeyring({ current: old, now })
    const moved = createKeyring({ current, previous: [generateKey(), old], now })
    expect(moved.decrypt(alone.encrypt('text').token, alone.currentKeyId)).toBe('text')
    expect(createKeyring({ current: old, previous: [current], now }).currentKeyId).toBe(alone.currentKeyId)
    expect(alone.currentKeyId).toMatch(/^[0-9a-f]{16}$/)
  })

  test('tries all keys to decrypt a token whose key id is missing, unknown or wrong', () => {
    const ring = createKeyring({ current, previous: [old], now })
    const { token } = createKeyring({ current: old, now }).encrypt('text')
    expect(ring.decrypt(token)).toBe('text')
    expect(ring.decrypt(token, 'unknown')).toBe('text')
    expect(ring.decrypt(token, ring.currentKeyId)).toBe('text')
    expect(ring.failures).toBe(0)
  })

  test('counts tokens that no key decrypts', () => {
    const ring = createKeyring({ current, now })
    const { token, keyId } = createKeyring({ current: old, now }).encrypt('text')
    expect(ring.decrypt(token, keyId)).toBeUndefined()
    expect(ring.decrypt('nonsense')).toBeUndefined()
    expect(ring.failures).toBe(2)
  })

  test('rejects an invalid key without repeating it in the error', () => {
    expect(() => createKeyring({ current: 'not-a-key', now })).toThrow(/Fernet key/)
    expect(() => createKeyring({ current, previous: ['not-a-key'], now })).not.toThrow(/not-a-key/)
  })
})
