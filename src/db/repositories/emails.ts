/** Stores the e-mail addresses of users. The addresses are encrypted, and are found by an HMAC. */
import type { SqlClient } from '../client/types.ts'

/** An address. `address` is a Fernet token, `keyId` the id of its key, and `addressHash` the HMAC of the normalized address. */
export interface NewEmail {
  readonly userId: number
  readonly address: string
  readonly keyId: string
  readonly addressHash: string
}

/**
 * An address and its state. A user has at most one address in each state. An address can be verified for only one user, but
 * pending for several users.
 */
export interface EmailRecord extends NewEmail {
  readonly state: 'verified' | 'pending'
}

export interface EmailsRepository {
  /** Returns the addresses of a user. */
  listOf(userId: number): Promise<EmailRecord[]>
  /** Returns the verified address with this HMAC. */
  findVerified(addressHash: string): Promise<EmailRecord | undefined>
  /** Stores an address that its owner has not confirmed. Replaces the user's pending address. */
  setPending(email: NewEmail): Promise<void>
  removePending(userId: number): Promise<void>
  /** Removes all addresses of a user. */
  removeOf(userId: number): Promise<void>
  /**
   * Changes a user's pending address to verified. Returns false if the user has no pending address with this HMAC, or if
   * another user has verified the address. Runs two statements, so it must be called in a transaction.
   */
  verify(userId: number, addressHash: string): Promise<boolean>
  /** Counts the active users with a password and without a verified address. Scans the table of users. */
  countUnverified(): Promise<number>
}

/** @internal */
export const createEmailsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): EmailsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."emails"`
  const select = `select user_id as "userId", state, address, key_id as "keyId", address_hash as "addressHash" from ${table}`
  const isFree = `not exists (select from ${table} as other
    where other.address_hash = $2 and other.state = 'verified' and other.user_id <> $1)`

  return {
    listOf: userId => query<EmailRecord>(`${select} where user_id = $1`, [userId]),
    async findVerified(addressHash) {
      const [found] = await query<EmailRecord>(`${select} where address_hash = $1 and state = 'verified'`, [
        addressHash
      ])
      return found
    },
    async setPending({ userId, address, keyId, addressHash }) {
      await query(
        `insert into ${table} (user_id, state, address, key_id, address_hash) values ($1, 'pending', $2, $3, $4)
         on conflict (user_id, state) do update set address = excluded.address, key_id = excluded.key_id,
           address_hash = excluded.address_hash, created_at = clock_timestamp()`,
        [userId, address, keyId, addressHash]
      )
    },
    async removePending(userId) {
      await query(`delete from ${table} where user_id = $1 and state = 'pending'`, [userId])
    },
    async removeOf(userId) {
      await query(`delete from ${table} where user_id = $1`, [userId])
    },
    async verify(userId, addressHash) {
      const pending = `select from ${table} where user_id = $1 and state = 'pending' and address_hash = $2`
      await query(
        `delete from ${table} where user_id = $1 and state = 'verified' and exists (${pending}) and ${isFree}`,
        [userId, addressHash]
      )
      const verified = await query(
        `update ${table} set state = 'verified', created_at = clock_timestamp()
         where user_id = $1 and state = 'pending' and address_hash = $2 and ${isFree} returning user_id`,
        [userId, addressHash]
      )
      return verified.length > 0
    },
    async countUnverified() {
      const [row] = await query<{ count: number }>(
        `select count(*)::integer as count from ${inSchema}."users" as u
         where u.status = 'active' and u.hashed_password is not null and u.external_id is null
           and not exists (select from ${table} where user_id = u.id and state = 'verified')`
      )
      return row?.count ?? 0
    }
  }
}
