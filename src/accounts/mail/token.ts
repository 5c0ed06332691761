/** Creates and hashes the random tokens of links. Only their hashes are stored. */
import { createHash, randomBytes } from 'node:crypto'

const TOKEN_BYTES = 32

/** Returns a new token: 32 random bytes in URL-safe base64, 43 characters. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url')

/** Returns the SHA-256 of a token in hex. A plain hash suffices, because a random token cannot be guessed. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')
