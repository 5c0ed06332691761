/** Creates and hashes random tokens, and redeems the tokens of links. Only the hashes of tokens are stored. */
import { createHash, randomBytes } from 'node:crypto'
import type { Repositories } from '../../db/database.ts'
import type { OneTimeToken, TokenPurpose } from '../../db/repositories/one-time-tokens.ts'

const TOKEN_BYTES = 32

/** Returns a new token: 32 random bytes in URL-safe base64, 43 characters. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url')

/** Returns the SHA-256 of a token in hex. A plain hash suffices, because a random token cannot be guessed. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

/**
 * Uses up a token in a transaction, and locks the row of its user. Returns undefined if the token is unknown, used or expired,
 * or if the user is not active. Also returns undefined if the user's `generation` has changed since the token was issued. The
 * caller must check that the token was sent to an address that the user still has.
 */
export const redeemToken = async (
  { oneTimeTokens, users }: Pick<Repositories, 'oneTimeTokens' | 'users'>,
  token: string,
  purpose: TokenPurpose
): Promise<OneTimeToken | undefined> => {
  const hash = hashToken(token)
  const found = await oneTimeTokens.find(hash, purpose)
  // The user is locked before the token, as in every other transaction that changes the account, to prevent deadlocks.
  if (!found || !(await users.lockActive({ id: found.userId, generation: found.generation }))) return undefined
  return oneTimeTokens.take(hash, purpose)
}
