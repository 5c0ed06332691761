/**
 * Computes HMACs of values, so that the database can find a value without storing its plain text. Each kind of value has its
 * own random key, which is stored encrypted. A rotation of the encryption key encrypts the random keys again. The random keys
 * do not change, so the HMACs stay the same.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Keyring } from '../crypto/keyring.ts'
import type { LookupKeysRepository } from '../db/repositories/lookup-keys.ts'

/** The kinds of values. The name of a kind is stored, so it must not change. */
export type LookupKeyName = 'emails' | 'names'

export interface LookupKeys {
  /**
   * Returns the HMAC-SHA-256 of a text in hex. The caller normalizes the text. Must not be awaited inside a transaction: the
   * first call for a kind queries the database. The embedded database has only one session, so this query would wait for the end
   * of the transaction.
   */
  hash(name: LookupKeyName, text: string): Promise<string>
}

export interface LookupKeysOptions {
  readonly repository: LookupKeysRepository
  readonly keyring: Keyring
}

const KEY_BYTES = 32

export const createLookupKeys = ({ repository, keyring }: LookupKeysOptions): LookupKeys => {
  const keys = new Map<LookupKeyName, Promise<KeyObject>>()

  /**
   * Returns the key of a kind. Creates the key on first use. If several processes create a key at the same time, all processes
   * use the key that was stored first.
   */
  const load = async (name: LookupKeyName): Promise<KeyObject> => {
    let stored = await repository.find(name)
    if (!stored) {
      const { token, keyId } = keyring.encrypt(randomBytes(KEY_BYTES).toString('base64url'))
      await repository.add(name, { secret: token, keyId })
      stored = await repository.find(name)
    }
    const secret = stored && keyring.decrypt(stored.secret, stored.keyId)
    if (!stored || !secret) {
      throw new Error(
        `The key "${name}" in the table "lookup_keys" cannot be decrypted. Add the ENCRYPTION_KEY that encrypted it to ` +
          'ENCRYPTION_KEY_PREVIOUS.'
      )
    }
    if (stored.keyId !== keyring.currentKeyId) await renew(name, stored.secret, secret)
    return createSecretKey(Buffer.from(secret, 'base64url'))
  }

  /** Encrypts a key with the current encryption key, so that the operator can remove the earlier encryption key. */
  const renew = async (name: LookupKeyName, before: string, secret: string): Promise<void> => {
    const { token, keyId } = keyring.encrypt(secret)
    await repository.replace(name, before, { secret: token, keyId })
  }

  const keyOf = (name: LookupKeyName): Promise<KeyObject> => {
    const known = keys.get(name)
    if (known) return known
    const loading = load(name)
    keys.set(name, loading)
    // A failure is not cached, so that the next call reads the key again.
    loading.catch(() => keys.delete(name))
    return loading
  }

  return {
    hash: async (name, text) =>
      createHmac('sha256', await keyOf(name))
        .update(text)
        .digest('hex')
  }
}
