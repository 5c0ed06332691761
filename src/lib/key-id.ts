/** Names a key by itself, never by its place in a list, so that a rotation changes no name. */
import { createHash } from 'node:crypto'

/**
 * The first 16 hex digits of SHA-256 over the purpose and the key. The purpose keeps apart the names of equal bytes used
 * for different things.
 */
export const keyId = (purpose: 'encryption-key' | 'secret-key', key: string | Uint8Array): string =>
  createHash('sha256').update(`fastify-chat:${purpose}:`).update(key).digest('hex').slice(0, 16)
