/** Stores the keys of the HMACs by which encrypted values are found. The keys are encrypted. */
import type { SqlClient } from '../client/types.ts'

/** A stored key. `secret` is a Fernet token, and `keyId` the id of its key. */
export interface StoredLookupKey {
  readonly secret: string
  readonly keyId: string
}

export interface LookupKeysRepository {
  find(name: string): Promise<StoredLookupKey | undefined>
  /** Stores a key unless there is one with this name. Waits for a transaction that is storing one. */
  add(name: string, key: StoredLookupKey): Promise<void>
  /** Replaces the secret `before` of a key. Does nothing if another process has replaced it since. */
  replace(name: string, before: string, key: StoredLookupKey): Promise<void>
}

/** @internal */
export const createLookupKeysRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): LookupKeysRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."lookup_keys"`
  return {
    async find(name) {
      const rows = await query<StoredLookupKey>(`select secret, key_id as "keyId" from ${table} where name = $1`, [
        name
      ])
      return rows[0]
    },
    async add(name, { secret, keyId }) {
      await query(`insert into ${table} (name, secret, key_id) values ($1, $2, $3) on conflict (name) do nothing`, [
        name,
        secret,
        keyId
      ])
    },
    async replace(name, before, { secret, keyId }) {
      await query(`update ${table} set secret = $3, key_id = $4 where name = $1 and secret = $2`, [
        name,
        before,
        secret,
        keyId
      ])
    }
  }
}
