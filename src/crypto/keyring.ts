/** The Fernet keys in use: the newest seals, all open. */
import { keyId } from '../lib/key-id.ts'
import { decrypt, encrypt, type FernetKey, parseKey } from './fernet.ts'

/** Seals and opens texts for storage. */
export interface Keyring {
  /** The id of the key that seals. */
  readonly currentKeyId: string
  /** How many tokens no key opened since the start. */
  readonly failures: number
  /** Seals a text; the id names the key, and is stored beside the token. */
  encrypt(text: string): { token: string; keyId: string }
  /** Opens a token with the key of that id, else with any; `undefined` when none does. */
  decrypt(token: string, id?: string): string | undefined
}

/** What a keyring is made of: keys as 44 characters of URL-safe base64, and the clock in milliseconds. */
export interface KeyringOptions {
  readonly current: string
  readonly previous?: readonly string[]
  readonly now: () => number
}

/** Makes a keyring. Throws, without printing it, when a key is not a Fernet key. */
export const createKeyring = ({ current, previous = [], now }: KeyringOptions): Keyring => {
  const sealing = parseKey(current)
  const keys = new Map([sealing, ...previous.map(parseKey)].map(key => [idOf(key), key]))
  const currentKeyId = idOf(sealing)
  let unopened = 0

  const openWithAny = (token: string, tried: FernetKey | undefined): string | undefined => {
    for (const key of keys.values()) {
      const text = key === tried ? undefined : decrypt(key, token)
      if (text !== undefined) return text
    }
    unopened++
    return undefined
  }

  return {
    currentKeyId,
    get failures() {
      return unopened
    },
    encrypt: text => ({ token: encrypt(sealing, text, { now: now() }), keyId: currentKeyId }),
    decrypt(token, id = currentKeyId) {
      const named = keys.get(id)
      const text = named && decrypt(named, token)
      return text ?? openWithAny(token, named)
    }
  }
}

const idOf = ({ bytes }: FernetKey): string => keyId('encryption-key', bytes)
