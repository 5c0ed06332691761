/** Changes passwords of users. Each statement checks again what the caller has already verified. */
import type { SqlClient } from '../client/types.ts'
import { PROOF, type UserSession } from './live-session.ts'
import type { OneTimeToken } from './one-time-tokens.ts'

/** A change of a password, requested in a session whose owner has proven who they are. */
export interface PasswordChange extends UserSession {
  readonly hashedPassword: string
}

export interface PasswordsRepository {
  /**
   * Changes the password of an active user and ends every session except `sessionId`. Returns false if that session has ended,
   * or if its owner did not prove who they are within the last ten minutes. Also returns false if the user was changed since
   * the session was checked. Must be called in a transaction, because it runs several statements. The caller must roll the
   * transaction back if the result is false.
   */
  change(change: PasswordChange): Promise<boolean>
  /**
   * Changes the password of an active user and ends every session. Returns false if an increase of `users.generation` has
   * invalidated the token, if the token's address is not verified anymore, or if the user does not log in with a password.
   */
  reset(token: OneTimeToken, hashedPassword: string): Promise<boolean>
}

/** @internal */
export const createPasswordsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): PasswordsRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [users, sessions] = [inSchema('users'), inSchema('sessions')]
  const hasPassword = `owner.status = 'active' and owner.external_id is null
    and not exists (select from ${inSchema('identities')} as identity where identity.user_id = owner.id)`
  const isProven = `session.expires_at > clock_timestamp()
    and session.proven_at > clock_timestamp() - ${PROOF}`
  // Locks the user before the session, as a login does, to prevent deadlocks.
  const change = `update ${users} as owner set hashed_password = $3, generation = owner.generation + 1
    from ${sessions} as session
    where owner.id = $1 and owner.generation = $4 and session.id = $2 and session.user_id = owner.id
      and session.generation = owner.generation and ${hasPassword} and ${isProven}
    returning owner.generation`
  // Finds no row if the session has ended since the statement above.
  const keep = `update ${sessions} as session set generation = $3::integer
    where session.id = $2 and session.user_id = $1 and session.generation = $3::integer - 1 and ${isProven}
    returning session.id`
  const reset = `update ${users} as owner set hashed_password = $2, generation = owner.generation + 1
    where owner.id = $1 and owner.generation = $3 and ${hasPassword} and ($4::text is null or exists (
      select from ${inSchema('emails')} as email
      where email.user_id = owner.id and email.state = 'verified' and email.address_hash = $4
    ))
    returning owner.id`

  return {
    async change({ userId, generation, sessionId, hashedPassword }) {
      const params = [userId, sessionId, hashedPassword, generation]
      const [changed] = await query<{ generation: number }>(change, params)
      return changed !== undefined && (await query(keep, [userId, sessionId, changed.generation])).length > 0
    },
    reset: async ({ userId, generation, addressHash }, hashedPassword) =>
      (await query(reset, [userId, hashedPassword, generation, addressHash])).length > 0
  }
}
