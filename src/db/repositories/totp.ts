/** Stores the encrypted TOTP secrets of users (RFC 6238). For each secret, stores the time step of the last accepted code. */
import type { SqlClient } from '../client/types.ts'

/** The TOTP secret of a user, as a Fernet token, and the id of the key that encrypted it. */
export interface TotpSecret {
  readonly userId: number
  readonly secret: string
  readonly keyId: string
}

export interface StoredTotp extends TotpSecret {
  readonly isConfirmed: boolean
}

/** Reads and writes the secrets of one schema. */
export interface TotpRepository {
  /**
   * Stores a secret that is not confirmed yet. Replaces an earlier unconfirmed secret. Returns false if the user has a
   * confirmed secret.
   */
  enrol(secret: TotpSecret): Promise<boolean>
  find(userId: number): Promise<StoredTotp | undefined>
  /** Confirms a secret with the time step of its first code. Returns false if the secret is confirmed already. */
  confirm(userId: number, step: number): Promise<boolean>
  /**
   * Stores the time step of a code. Returns false if a code of this step or of a later step was already accepted. The update
   * itself contains this condition, so that two processes cannot accept the same code.
   */
  acceptStep(userId: number, step: number): Promise<boolean>
  /** Deletes the secret of a user. Returns whether the secret was confirmed. */
  remove(userId: number): Promise<boolean>
}

/** @internal */
export const createTotpRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): TotpRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."totp"`
  const enrol = `insert into ${table} as stored (user_id, secret, key_id) values ($1, $2, $3)
    on conflict (user_id) do update set secret = excluded.secret, key_id = excluded.key_id, created_at = excluded.created_at
    where stored.confirmed_at is null returning user_id`
  const confirm = `update ${table} set confirmed_at = clock_timestamp(), last_step = $2
    where user_id = $1 and confirmed_at is null returning user_id`
  const accept = `update ${table} set last_step = $2
    where user_id = $1 and confirmed_at is not null and last_step < $2 returning user_id`
  const hasRows = async (statement: string, params: readonly unknown[]): Promise<boolean> =>
    (await query(statement, params)).length > 0
  return {
    enrol: ({ userId, secret, keyId }) => hasRows(enrol, [userId, secret, keyId]),
    async find(userId) {
      const [row] = await query<StoredTotp>(
        `select user_id as "userId", secret, key_id as "keyId", confirmed_at is not null as "isConfirmed"
         from ${table} where user_id = $1`,
        [userId]
      )
      return row
    },
    confirm: (userId, step) => hasRows(confirm, [userId, step]),
    acceptStep: (userId, step) => hasRows(accept, [userId, step]),
    async remove(userId) {
      const [row] = await query<{ isConfirmed: boolean }>(
        `delete from ${table} where user_id = $1 returning confirmed_at is not null as "isConfirmed"`,
        [userId]
      )
      return row?.isConfirmed ?? false
    }
  }
}
