/** Derives the Fernet key of a FastAPI Chat Backend from its setting `ENCRYPTION_KEY`. */
import { createHash } from 'node:crypto'

/** Matches what Python's `Fernet` accepts as a key: 32 bytes in base64, with padding. */
const KEY = /^[\w+/-]{43}=$/

/**
 * Returns a Fernet key as 44 characters of URL-safe base64. A value that is not a Fernet key is a passphrase, and the key is its
 * SHA-256.
 */
export const sourceKeyOf = (setting: string): string => {
  const bytes = KEY.test(setting) ? Buffer.from(setting, 'base64') : createHash('sha256').update(setting).digest()
  return `${bytes.toString('base64url')}=`
}
