/** Manages the Fernet keys in use: the current key encrypts, and every key decrypts. */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { keyId } from '../lib/key-id.ts'
import { decrypt, encrypt, type FernetKey, parseKey } from './fernet.ts'

/** Encrypts texts for storage and decrypts them. */
export interface Keyring {
  /** The id of the key that encrypts. */
  readonly currentKeyId: string
  /** The ids of all keys. The first is the id of the key that encrypts. */
  readonly keyIds: readonly string[]
  /** The number of calls of `decrypt` in which no key could decrypt the token. */
  readonly failures: number
  /** Encrypts a text. Returns the token and the id of its key. The caller stores the id with the token. */
  encrypt(text: string): { token: string; keyId: string }
  /**
   * Decrypts a token with the key `id` or, if that fails, with any other key. `id` defaults to `currentKeyId`. Returns
   * `undefined` if no key decrypts the token.
   */
  decrypt(token: string, id?: string): string | undefined
  /**
   * Derives a key of 32 bytes from each key (HKDF-SHA-256, RFC 5869), in the order of `keyIds`. Different purposes have
   * different keys.
   */
  derive(purpose: string): readonly KeyObject[]
}

/** The keys, as 44 characters of URL-safe base64, and the wall clock in milliseconds since the epoch. */
export interface KeyringOptions {
  readonly current: string
  readonly previous?: readonly string[]
  readonly now: () => number
}

/** Creates a keyring. Throws an error if a key is not a Fernet key. The error does not contain the key. */
export const createKeyring = ({ current, previous = [], now }: KeyringOptions): Keyring => {
  const currentKey = parseKey(current)
  const keys = new Map([currentKey, ...previous.map(parseKey)].map(key => [idOf(key), key]))
  const currentKeyId = idOf(currentKey)
  let failures = 0

  const decryptWithAny = (token: string, tried: FernetKey | undefined): string | undefined => {
    for (const key of keys.values()) {
      const text = key === tried ? undefined : decrypt(key, token)
      if (text !== undefined) return text
    }
    failures++
    return undefined
  }

  return {
    currentKeyId,
    keyIds: [...keys.keys()],
    get failures() {
      return failures
    },
    derive: purpose =>
      [...keys.values()].map(({ bytes }) =>
        createSecretKey(Buffer.from(hkdfSync('sha256', bytes, '', `fastify-chat:${purpose}`, 32)))
      ),
    encrypt: text => ({ token: encrypt(currentKey, text, { now: now() }), keyId: currentKeyId }),
    decrypt(token, id = currentKeyId) {
      const named = keys.get(id)
      const text = named && decrypt(named, token)
      return text ?? decryptWithAny(token, named)
    }
  }
}

const idOf = ({ bytes }: FernetKey): string => keyId('encryption-key', bytes)
