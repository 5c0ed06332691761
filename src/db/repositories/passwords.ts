/** Changes the passwords of users, in statements that check again what was verified. */
import type { SqlClient } from '../client/types.ts'
import { PROOF, type UserSession } from './live-session.ts'
import type { OneTimeToken } from './one-time-tokens.ts'

/** A change by a session that was proven. */
export interface PasswordChange extends UserSession {
  readonly hashedPassword: string
}

export interface PasswordsRepository {
  /**
   * Changes the password of an active user and ends every session except the given one. Returns false, and changes nothing, if
   * that session has ended, or was not proven within the last ten minutes, or if the user has changed since it was. Several
   * statements: call it in a transaction, which must be rolled back if the result is false.
   */
  change(change: PasswordChange): Promise<boolean>
  /**
   * Changes the password of an active user and ends every session. Returns false if the token is void: its user has another
   * generation or another verified address now, or belongs to another issuer.
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
  // Locks the user before the session, as a login does.
  const change = `update ${users} as owner set hashed_password = $3, generation = owner.generation + 1
    from ${sessions} as session
    where owner.id = $1 and owner.generation = $4 and session.id = $2 and session.user_id = owner.id
      and session.generation = owner.generation and ${hasPassword} and ${isProven}
    returning owner.generation`
  // Finds no row if the session has been ended meanwhile.
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
