/**
 * Stores challenges. A challenge is the state between two requests of one flow, such as a login that waits for a second factor.
 * Only the hash of a challenge is stored.
 */
import type { SqlClient } from '../client/types.ts'

/** A challenge to store. `data` contains what a later request of the flow needs, and no secrets. */
export interface NewChallenge {
  /** The SHA-256 of the challenge. */
  readonly hash: string
  /** The flow of the challenge. A challenge of another flow is not found. */
  readonly purpose: string
  readonly userId: number | null
  /** The value of `users.generation` when the challenge was created. */
  readonly generation: number | null
  readonly data: string | null
  readonly lifetimeMs: number
}

/** A stored challenge that has not expired. */
export type StoredChallenge = Pick<NewChallenge, 'userId' | 'generation' | 'data'>

/** Reads and writes the challenges of one schema. For all methods, an expired challenge does not exist. */
export interface ChallengesRepository {
  /** Stores a challenge, and deletes at most `MAX_SWEPT` expired challenges. */
  create(challenge: NewChallenge): Promise<void>
  find(hash: string, purpose: string): Promise<StoredChallenge | undefined>
  /**
   * Counts an attempt, and returns the challenge. Returns undefined if the challenge already had `max` attempts. The attempt is
   * counted before its code is checked, so that concurrent requests cannot exceed `max`.
   */
  attempt(hash: string, purpose: string, max: number): Promise<StoredChallenge | undefined>
  /** Deletes a challenge and returns it, so that it can be used only once. */
  take(hash: string, purpose: string): Promise<StoredChallenge | undefined>
}

/** Maximum number of expired challenges that are deleted when a challenge is stored. */
const MAX_SWEPT = 100

/** @internal */
export const createChallengesRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): ChallengesRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."challenges"`
  const stored = 'user_id as "userId", generation, data'
  const isValid = 'hash = $1 and purpose = $2 and expires_at > clock_timestamp()'
  const insert = `with swept as (
      delete from ${table} where hash in (
        select hash from ${table} where expires_at <= clock_timestamp() limit ${MAX_SWEPT} for update skip locked)
    )
    insert into ${table} (hash, purpose, user_id, generation, data, expires_at)
    values ($1, $2, $3, $4, $5, clock_timestamp() + $6::double precision * interval '1 millisecond')`
  const attempt = `update ${table} set failures = failures + 1 where ${isValid} and failures < $3 returning ${stored}`
  return {
    async create({ hash, purpose, userId, generation, data, lifetimeMs }) {
      await query(insert, [hash, purpose, userId, generation, data, lifetimeMs])
    },
    async find(hash, purpose) {
      return (await query<StoredChallenge>(`select ${stored} from ${table} where ${isValid}`, [hash, purpose]))[0]
    },
    async attempt(hash, purpose, max) {
      return (await query<StoredChallenge>(attempt, [hash, purpose, max]))[0]
    },
    async take(hash, purpose) {
      return (
        await query<StoredChallenge>(`delete from ${table} where ${isValid} returning ${stored}`, [hash, purpose])
      )[0]
    }
  }
}
