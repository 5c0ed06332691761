/**
 * Stores passkeys (WebAuthn credentials) and user handles. A user handle is a random id with which a passkey identifies its
 * user.
 */
import type { SqlClient } from '../client/types.ts'

export interface NewPasskey {
  /** The id of the credential, in base64url. */
  readonly id: string
  readonly userId: number
  /** The public key in COSE form, in base64url. */
  readonly publicKey: string
  /** The number of signatures that the authenticator has counted. 0 if the authenticator does not count. */
  readonly counter: number
  /** The host name for which the passkey was created (WebAuthn's RP ID). The passkey works for no other host name. */
  readonly rpId: string
  readonly transports: readonly string[]
  readonly name: string
  readonly isBackedUp: boolean
}

/** A stored passkey. Times are in milliseconds since the epoch. */
export interface PasskeyRecord extends NewPasskey {
  readonly createdAt: number
  readonly lastUsedAt: number | null
  /** The user handle (WebAuthn) of the user who owns the passkey. */
  readonly handle: string
}

/** The data that a login with a passkey reports. */
export type PasskeyUse = Pick<NewPasskey, 'id' | 'userId' | 'counter' | 'isBackedUp'>

/** Reads and writes the passkeys of one schema. */
export interface PasskeysRepository {
  /** Stores a passkey, and returns its creation time. Returns undefined if a passkey with this id already exists. */
  add(passkey: NewPasskey): Promise<number | undefined>
  find(id: string): Promise<PasskeyRecord | undefined>
  /** Returns the passkeys of a user, oldest first. */
  list(userId: number): Promise<PasskeyRecord[]>
  /** Stores the use of a passkey. Returns the previous counter, or undefined if the passkey was deleted. */
  use(passkey: PasskeyUse): Promise<number | undefined>
  remove(userId: number, id: string): Promise<boolean>
  /** Returns the handle of a user. If the user has none, stores and returns `created`. */
  handleOf(userId: number, created: string): Promise<string>
  /** Counts the passkeys that were created for other host names than `rpId`, and the users who have such passkeys. */
  countOthers(rpId: string): Promise<{ passkeys: number; users: number }>
}

interface Row extends Omit<PasskeyRecord, 'transports'> {
  readonly transports: string
}

const asRecord = ({ transports, ...row }: Row): PasskeyRecord => ({ ...row, transports: JSON.parse(transports) })

/** @internal */
export const createPasskeysRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): PasskeysRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."passkeys"`
  const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::double precision`
  const select = `select id, user_id as "userId", public_key as "publicKey", counter::double precision as counter,
      rp_id as "rpId", array_to_json(transports)::text as transports, name, is_backed_up as "isBackedUp",
      ${ms('created_at')} as "createdAt", ${ms('last_used_at')} as "lastUsedAt", handle
    from ${table} join ${inSchema}."passkey_handles" using (user_id)`
  const insert = `insert into ${table} (id, user_id, public_key, counter, rp_id, transports, name, is_backed_up)
    values ($1, $2, $3, $4, $5, $6::text[], $7, $8)
    on conflict (id) do nothing returning ${ms('created_at')} as "createdAt"`
  const use = `update ${table} as stored set counter = $3, is_backed_up = $4, last_used_at = clock_timestamp()
    from (select id, counter from ${table} where id = $1 and user_id = $2 for update) as before
    where stored.id = before.id returning before.counter::double precision as counter`
  // The update changes nothing. It is needed because an insert with "do nothing" returns no row if the user already has a
  // handle.
  const handle = `insert into ${inSchema}."passkey_handles" as stored (user_id, handle) values ($1, $2)
    on conflict (user_id) do update set handle = stored.handle returning handle`
  return {
    async add({ id, userId, publicKey, counter, rpId, transports, name, isBackedUp }) {
      const values = [id, userId, publicKey, counter, rpId, [...transports], name, isBackedUp]
      return (await query<{ createdAt: number }>(insert, values))[0]?.createdAt
    },
    find: async id => (await query<Row>(`${select} where id = $1`, [id])).map(asRecord)[0],
    list: async userId =>
      (await query<Row>(`${select} where user_id = $1 order by created_at, id`, [userId])).map(asRecord),
    async use({ id, userId, counter, isBackedUp }) {
      return (await query<{ counter: number }>(use, [id, userId, counter, isBackedUp]))[0]?.counter
    },
    async remove(userId, id) {
      const removed = await query(`delete from ${table} where user_id = $1 and id = $2 returning id`, [userId, id])
      return removed.length > 0
    },
    async handleOf(userId, created) {
      const [row] = await query<{ handle: string }>(handle, [userId, created])
      if (!row) throw new Error('The upsert into "passkey_handles" returned no row.')
      return row.handle
    },
    async countOthers(rpId) {
      const [row] = await query<{ passkeys: number; users: number }>(
        `select count(*)::integer as passkeys, count(distinct user_id)::integer as users from ${table} where rp_id <> $1`,
        [rpId]
      )
      return row ?? { passkeys: 0, users: 0 }
    }
  }
}
