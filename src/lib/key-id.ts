/** Derives the id of a key from the key itself, because a position in a list would change when keys are rotated. */
import { createHash } from 'node:crypto'

/**
 * Returns the first 16 hex digits of SHA-256 over the purpose and the key. Because of the purpose, the same bytes have different
 * ids as an encryption key and as a secret key.
 */
export const keyId = (purpose: 'encryption-key' | 'secret-key', key: string | Uint8Array): string =>
  createHash('sha256').update(`fastify-chat:${purpose}:`).update(key).digest('hex').slice(0, 16)
