/** Defines the conditions under which a session may act. Statements that write check these conditions again. */

/**
 * The session that authenticated a request, and the generation of its user at that time. To end all sessions of a user, the
 * service increments the user's generation.
 */
export interface UserSession {
  readonly userId: number
  readonly generation: number
  readonly sessionId: string
}

/**
 * Time for which a proof is accepted. The owner of a session proves who they are with a login, with the password, or with a
 * passkey.
 */
export const PROOF = `interval '10 minutes'`

/**
 * Returns a condition on a `UserSession`, whose values are parameters of the statement. The condition is true if the user is
 * active and still has the given generation, and the session has not ended. With `isProven`, the session must also have a proof
 * that is still accepted. If the id of the session is null, only the user is checked. `inSchema` is the quoted schema.
 */
export const isLive = (
  inSchema: string,
  { userId, generation, sessionId }: Readonly<Record<keyof UserSession, `$${number}`>>,
  { isProven = false } = {}
): string => `exists (
    select from ${inSchema}."users" as live_user
    where live_user.id = ${userId} and live_user.generation = ${generation}::integer and live_user.status = 'active'
      and (${sessionId}::text is null or exists (
        select from ${inSchema}."sessions" as live where live.user_id = live_user.id and live.id = ${sessionId}::text
          and live.generation = live_user.generation and live.expires_at > clock_timestamp()
          ${isProven ? `and live.proven_at > clock_timestamp() - ${PROOF}` : ''})))`
