/** Creates the random challenges of flows that take two requests. The database stores only the hashes of the challenges. */
import { createHash, randomBytes } from 'node:crypto'
import { ChatError } from '../../protocol/errors.ts'

/** The flows with second factors and passkeys. Their names are stored with the challenges, so the names must not change. */
export type ChallengePurpose = 'second_factor' | 'passkey_add' | 'passkey_login' | 'passkey_proof'

export interface CreatedChallenge {
  /** The challenge: 32 random bytes in base64url. */
  readonly challenge: string
  readonly hash: string
}

export const createChallenge = (): CreatedChallenge => {
  const challenge = randomBytes(32).toString('base64url')
  return { challenge, hash: hashOfChallenge(challenge) }
}

/** Returns the hash by which a challenge is found. */
export const hashOfChallenge = (challenge: string): string => createHash('sha256').update(challenge).digest('base64url')

/** Returns the error for a challenge that does not exist, has expired, or was used. */
export const invalidChallenge = (): ChatError =>
  new ChatError(
    'invalid_challenge',
    'The time for this step is over, or it was tried too often. Start again from the beginning.'
  )
