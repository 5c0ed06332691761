/** Stores the keys of the HMACs by which encrypted values are found. These keys are themselves encrypted. */
import type { SqlClient } from '../client/types.ts'

/** A stored key. `secret` is a Fernet token, and `keyId` the id of its key. */
export interface StoredLookupKey {
  readonly secret: string
  readonly keyId: string
}

export interface LookupKeysRepository {
  find(name: string): Promise<StoredLookupKey | undefined>
  /** Stores a key unless a key with this name exists. Waits for any transaction that is storing a key with this name. */
  add(name: string, key: StoredLookupKey): Promise<void>
  /** Replaces the secret of a key if it is still `before`. Does nothing if another process has replaced it. */
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
