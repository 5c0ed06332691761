/** Decides how to respond to a refresh token. The caller must have locked the session's row. */
import type { RefreshState } from '../../db/repositories/refresh-tokens.ts'
import { hashOfSecret, hasMac, isEqual, type RefreshToken } from './refresh-token.ts'

/**
 * - `rotate`: the token is the current token; issue its successor.
 * - `repeat`: the token is the current token and was issued less than 30 s ago; return it again.
 * - `successor`: the token is the previous token, and its successor was not used yet or was first used less than 30 s ago;
 *   return the successor again.
 * - `reused`: the token is older than the previous token, or it is the previous token and its successor was first used at least
 *   30 s ago; end the session, because somebody may have copied the token.
 * - `unknown`: the session did not issue the token, or the database was restored and no longer knows the token.
 */
export type Decision = 'rotate' | 'repeat' | 'successor' | 'reused' | 'unknown'

export const decide = (state: RefreshState, token: RefreshToken): Decision => {
  if (!hasMac(token, state)) return 'unknown'
  const { number } = state
  // A number that is too high occurs only if the database was restored from a backup.
  if (token.number > number) return 'unknown'
  if (token.number < number - 1) return 'reused'
  const hash = hashOfSecret(token.secret)
  if (token.number === number) {
    if (!isEqual(hash, state.hash)) return 'unknown'
    return state.isRecent ? 'repeat' : 'rotate'
  }
  if (!isEqual(hash, state.previousHash)) return 'unknown'
  return state.isSuccessorInUse ? 'reused' : 'successor'
}
