/** Holds the Fernet keys in use: the newest encrypts, all decrypt. */
import { keyId } from '../lib/key-id.ts'
import { decrypt, encrypt, type FernetKey, parseKey } from './fernet.ts'

/** Encrypts texts for storage and decrypts them. */
export interface Keyring {
  /** Identifies the key that encrypts. */
  readonly currentKeyId: string
  /** Identifies every key, the one that encrypts first. */
  readonly keyIds: readonly string[]
  /** Counts the tokens that no key could decrypt since the start. */
  readonly failures: number
  /** Encrypts a text. The id identifies the key and is stored beside the token. */
  encrypt(text: string): { token: string; keyId: string }
  /** Decrypts a token with the key of that id, else with any key. Returns `undefined` if no key fits. */
  decrypt(token: string, id?: string): string | undefined
}

/** Configures a keyring: keys as 44 characters of URL-safe base64, and the clock in milliseconds. */
export interface KeyringOptions {
  readonly current: string
  readonly previous?: readonly string[]
  readonly now: () => number
}

/** Creates a keyring. Throws if a key is not a Fernet key; the error does not contain the key. */
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
    encrypt: text => ({ token: encrypt(currentKey, text, { now: now() }), keyId: currentKeyId }),
    decrypt(token, id = currentKeyId) {
      const named = keys.get(id)
      const text = named && decrypt(named, token)
      return text ?? decryptWithAny(token, named)
    }
  }
}

const idOf = ({ bytes }: FernetKey): string => keyId('encryption-key', bytes)
