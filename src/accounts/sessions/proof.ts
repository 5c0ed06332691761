/**
 * Lets the owner of a session prove who they are, with the password. Some requests need such a proof from the last ten minutes.
 */
import type { UserRecord } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { checkedIn, type LoginThrottle } from '../passwords/throttle.ts'
import type { Passwords } from '../passwords.ts'

export interface PasswordProof {
  readonly userId: number
  readonly sessionId: string | null
  readonly password: string
  /** The code of a second factor. */
  readonly code?: string | undefined
  readonly client: ClientInfo
}

/** Checks a user whose password was right. Throws a ChatError to reject the proof, for example if the code is wrong. */
export type ProofGate = (user: UserRecord, proof: PasswordProof) => Promise<void>

export interface ProofsOptions {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly throttle?: LoginThrottle | undefined
  /**
   * The gates. They run in the order of the array, after the password was checked and before the session is marked as proven.
   */
  readonly gates: readonly ProofGate[]
}

export interface Proofs {
  /**
   * Checks the password, and marks the session as proven. Throws `invalid_credentials`, `rate_limited`, `busy`, or the error of
   * a gate.
   */
  prove(proof: PasswordProof): Promise<void>
  /**
   * Marks the session as proven after the user was checked in another way, for example with a passkey. `user` is the record
   * that was checked. Throws `invalid_credentials` if the user or the session has changed since then.
   */
  mark(user: UserRecord, sessionId: string | null): Promise<void>
  /**
   * Throws `proof_required` if there is no proof from the last ten minutes. For a user with `authenticatedAt`, the login at the
   * other issuer is the proof, and the function returns undefined. For any other user, the proof must belong to the session, and
   * the function returns the current generation of the session.
   */
  require(user: ProvenUser): Promise<number | undefined>
}

/** The user of a request that needs a recent proof. */
export interface ProvenUser {
  readonly userId: number
  readonly sessionId: string | null
  /**
   * When another issuer authenticated the user, in milliseconds since the epoch. Absent if that authentication does not count
   * as a proof.
   */
  readonly authenticatedAt?: number | undefined
}

/** Time in seconds for which a proof is accepted. */
export const PROOF_SECONDS = 600

export const createProofs = ({ context, passwords, throttle, gates }: ProofsOptions): Proofs => {
  const { users, sessions } = context.database

  const mark: Proofs['mark'] = async (user, sessionId) => {
    if (sessionId !== null && (await sessions.prove(user, sessionId))) return
    throw new ChatError('invalid_credentials', 'Your account was changed during this request. Log in again.')
  }

  return {
    mark,
    async prove(proof) {
      const { userId, sessionId, password, client } = proof
      const user = (await users.findByIds([userId])).get(userId)
      const counted = await throttle?.admit({ username: user?.username ?? '', client })
      const match = await checkedIn(counted, passwords.verify(password, user?.hashedPassword))
      if (!user || match === 'none') throw new ChatError('invalid_credentials', 'Wrong password.')
      await counted?.succeed()
      for (const gate of gates) await gate(user, proof)
      await mark(user, sessionId)
    },
    async require({ userId, sessionId, authenticatedAt }) {
      if (authenticatedAt !== undefined) {
        if (context.clock.now() - authenticatedAt <= PROOF_SECONDS * 1000) return undefined
        throw new ChatError('proof_required', 'Log in again where you got your token, and use the new token.')
      }
      const generation = sessionId === null ? undefined : await sessions.provenGeneration(userId, sessionId)
      if (generation !== undefined) return generation
      throw new ChatError('proof_required', 'Prove who you are with your password, then send the request again.')
    }
  }
}
