/** Rejects logins of users without a verified e-mail address, if the service requires a verified address. */
import type { ChatDatabase } from '../../db/database.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import { hashToken, newToken } from '../mail/token.ts'

/**
 * Checks a user whose password or passkey was verified. If the service requires a verified address and the user has none, throws
 * `email_not_verified` with a challenge. With the challenge, the user can request a link.
 */
export type VerificationGate = (user: UserRecord) => Promise<void>

export interface VerificationGateOptions {
  readonly database: Pick<ChatDatabase, 'emails' | 'challenges'>
  readonly isRequired: boolean
}

/** Time in milliseconds for which a rejected user can request links without logging in again. */
const LIFETIME_MS = 30 * 60_000

export const createVerificationGate =
  ({ database, isRequired }: VerificationGateOptions): VerificationGate =>
  async ({ id, generation }) => {
    if (!isRequired) return
    const emails = await database.emails.listOf(id)
    if (emails.some(({ state }) => state === 'verified')) return
    const challenge = newToken()
    await database.challenges.create({
      hash: hashToken(challenge),
      purpose: 'verify_email',
      userId: id,
      generation,
      data: null,
      lifetimeMs: LIFETIME_MS
    })
    const what = emails.length > 0 ? 'Open the link in the mail that we sent you' : 'Enter an e-mail address'
    throw new ChatError('email_not_verified', `Your e-mail address is not verified. ${what}, then log in again.`, {
      extra: { challenge }
    })
  }

/** Returns the error for a challenge that is unknown, expired or used up. */
export const badChallenge = (): ChatError =>
  new ChatError('invalid_challenge', 'This step of the login has ended. Log in again.')
