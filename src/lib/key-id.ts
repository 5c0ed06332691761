/** Derives the id of a key from the key and not from its place in a list, so that a rotation changes no id. */
import { createHash } from 'node:crypto'

/**
 * Returns the first 16 hex digits of SHA-256 over the purpose and the key. The purpose separates the ids of equal bytes that are
 * used for different things.
 */
export const keyId = (purpose: 'encryption-key' | 'secret-key', key: string | Uint8Array): string =>
  createHash('sha256').update(`fastify-chat:${purpose}:`).update(key).digest('hex').slice(0, 16)
