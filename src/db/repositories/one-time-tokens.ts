/** Stores one-time tokens, for example the tokens in mailed links. Only the SHA-256 of each token is stored. */
import type { SqlClient } from '../client/types.ts'

export type TokenPurpose = 'verify_email' | 'reset_password'

export interface NewOneTimeToken {
  /** The SHA-256 of the token. */
  readonly hash: string
  readonly purpose: TokenPurpose
  readonly userId: number
  /** The HMAC of the address for which the token is valid. Null for a token that is not sent by mail. */
  readonly addressHash: string | null
  readonly lifetimeMs: number
  /**
   * When the token was requested, in milliseconds since the epoch. The default is now. A token replaces only tokens that were
   * requested earlier, because mails may be sent in another order than they were requested.
   */
  readonly requestedAt?: number | undefined
  /** The value of `users.generation` when the token was requested. The default is the current value. */
  readonly generation?: number | null | undefined
}

/**
 * The user, the address and the generation (`users.generation`) for which a token was issued. The token is valid only while
 * the user still has this address and this generation.
 */
export interface OneTimeToken {
  readonly userId: number
  readonly addressHash: string | null
  readonly generation: number
}

export interface OneTimeTokensRepository {
  /**
   * Stores a token with the generation of its user, and deletes the user's tokens of the same purpose that were requested
   * earlier. Returns false, and stores nothing, if a token of the same purpose was requested later, if the user is not active, or
   * if `generation` is not the current generation of the user.
   */
  issue(token: NewOneTimeToken): Promise<boolean>
  /** Returns the user and the address of a token. Returns undefined if there is no such token, or if it has expired. */
  find(hash: string, purpose: TokenPurpose): Promise<OneTimeToken | undefined>
  /** Deletes a token, and returns its user and address. Returns undefined if there is no such token, or if it has expired. */
  take(hash: string, purpose: TokenPurpose): Promise<OneTimeToken | undefined>
  /** Deletes all tokens of a user. With `purpose`, deletes only tokens of that purpose. */
  removeOf(userId: number, purpose?: TokenPurpose): Promise<void>
}

/** @internal */
export const createOneTimeTokensRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): OneTimeTokensRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."one_time_tokens"`
  const stored = 'user_id as "userId", address_hash as "addressHash", generation'
  const isValid = 'hash = $1 and purpose = $2 and expires_at > clock_timestamp()'
  // A failed mail is sent again with a new token. All tokens of the mail stay valid, because an attempt that seemed to fail may
  // have delivered the mail.
  const issue = `with request as (
      select coalesce(to_timestamp($6::double precision / 1000), clock_timestamp())::timestamptz(3) as at
    ), voided as (
      delete from ${table} where (user_id = $3 and purpose = $2 and created_at < (select at from request))
        or expires_at < clock_timestamp()
    )
    insert into ${table} (hash, purpose, user_id, address_hash, generation, created_at, expires_at)
      select $1, $2, id, $4, generation, at, clock_timestamp() + $5::double precision * interval '1 millisecond'
      from ${inSchema}."users", request
      where id = $3 and status = 'active' and generation = coalesce($7::integer, generation) and not exists (
        select from ${table} where user_id = $3 and purpose = $2 and created_at > at
      )
    returning hash`

  return {
    async issue({ hash, purpose, userId, addressHash, lifetimeMs, requestedAt = null, generation = null }) {
      const params = [hash, purpose, userId, addressHash, lifetimeMs, requestedAt, generation]
      return (await query(issue, params)).length > 0
    },
    find: async (hash, purpose) =>
      (await query<OneTimeToken>(`select ${stored} from ${table} where ${isValid}`, [hash, purpose]))[0],
    take: async (hash, purpose) =>
      (await query<OneTimeToken>(`delete from ${table} where ${isValid} returning ${stored}`, [hash, purpose]))[0],
    async removeOf(userId, purpose) {
      await query(`delete from ${table} where user_id = $1 and ($2::text is null or purpose = $2)`, [
        userId,
        purpose ?? null
      ])
    }
  }
}
