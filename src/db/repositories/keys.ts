/** Records every encryption key that was ever used, and reads the newest stored tokens. */
import { codesOf } from '../client/errors.ts'
import type { SqlClient } from '../client/types.ts'

/** A key that was used. Times are in milliseconds since the epoch. */
export interface KeyRow {
  readonly keyId: string
  /** When the key was recorded first. */
  readonly firstUsedAt: number
  /** When a rotation found that no token needs the key anymore. Null if tokens may need it. */
  readonly goneAt: number | null
}

/** A Fernet token, and the id of its key. */
export interface StoredToken {
  readonly token: string
  readonly keyId: string | null
}

export interface KeysRepository {
  /** Returns all keys, in the order of their first use. */
  list(): Promise<KeyRow[]>
  /** Records that tokens are encrypted with these keys. Does nothing on a read-only server, where nothing is encrypted. */
  use(keyIds: readonly string[]): Promise<void>
  /** Records that every token is encrypted with one of the keys in `used`, so that no other key is needed anymore. */
  retire(used: readonly string[]): Promise<void>
  /**
   * Returns the newest token of each of the `ROOMS` rooms with the newest entries. Omits a room if its newest `ENTRIES` entries
   * contain no token. Also returns the encrypted keys of the HMACs.
   */
  newestTokens(): Promise<StoredToken[]>
}

const READ_ONLY = '25006'
const ROOMS = 10
const ENTRIES = 20

/** @internal */
export const createKeysRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): KeysRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::double precision`
  const newest = `select newest.content as token, newest.key_id as "keyId"
    from (select id, last_seq from ${inSchema('rooms')} where last_seq > 0 order by last_at desc limit ${ROOMS}) as room
    cross join lateral (
      select entry.content, entry.key_id from (
        select content, key_id, seq from ${inSchema('messages')}
        where room_id = room.id and seq <= room.last_seq order by seq desc limit ${ENTRIES}
      ) as entry where entry.content is not null order by entry.seq desc limit 1
    ) as newest
    union all select secret, key_id from ${inSchema('lookup_keys')}`
  return {
    list: () =>
      query<KeyRow>(
        `select key_id as "keyId", ${ms('first_used_at')} as "firstUsedAt", ${ms('gone_at')} as "goneAt"
         from ${inSchema('keys')} order by first_used_at, key_id`
      ),
    async use(keyIds) {
      const used = query(
        `insert into ${inSchema('keys')} as known (key_id) select distinct unnest($1::text[])
         on conflict (key_id) do update set gone_at = null where known.gone_at is not null`,
        [[...keyIds]]
      )
      await used.catch(error => {
        if (!codesOf(error).includes(READ_ONLY)) throw error
      })
    },
    async retire(used) {
      await query(
        `update ${inSchema('keys')} set gone_at = clock_timestamp() where gone_at is null and key_id <> all($1::text[])`,
        [[...used]]
      )
    },
    newestTokens: () => query<StoredToken>(newest)
  }
}
