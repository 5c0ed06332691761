/** Stores the hashes of recovery codes. The first characters of a code are its prefix, by which its row is found. */
import type { SqlClient } from '../client/types.ts'

export interface RecoveryCodeRow {
  readonly prefix: string
  /** The SHA-256 of the whole code. */
  readonly hash: string
}

/** Reads and writes the recovery codes of one schema. */
export interface RecoveryCodesRepository {
  /** Replaces all codes of a user. */
  replace(userId: number, codes: readonly RecoveryCodeRow[]): Promise<void>
  /** Marks a code as used. Returns false if the user has no such code, or has used it. */
  use(userId: number, code: RecoveryCodeRow): Promise<boolean>
  removeAll(userId: number): Promise<void>
}

/** @internal */
export const createRecoveryCodesRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): RecoveryCodesRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."recovery_codes"`
  const use = `update ${table} set used_at = clock_timestamp()
    where user_id = $1 and prefix = $2 and hash = $3 and used_at is null returning user_id`
  const insert = `insert into ${table} (user_id, prefix, hash)
    select $1, prefix, hash from unnest($2::text[], $3::text[]) as code (prefix, hash)`

  const removeAll = async (userId: number): Promise<void> => {
    await query(`delete from ${table} where user_id = $1`, [userId])
  }

  return {
    async replace(userId, codes) {
      await removeAll(userId)
      await query(insert, [userId, codes.map(({ prefix }) => prefix), codes.map(({ hash }) => hash)])
    },
    use: async (userId, { prefix, hash }) => (await query(use, [userId, prefix, hash])).length > 0,
    removeAll
  }
}
