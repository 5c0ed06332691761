/** Stores mails until they are sent. Their parameters are encrypted. */
import type { SqlClient } from '../client/types.ts'

/** A mail to send. `payload` is a Fernet token, and `keyId` the id of its key. */
export interface NewOutboxMail {
  readonly kind: string
  readonly userId: number | null
  readonly payload: string
  readonly keyId: string
  /** Time in milliseconds after which the mail is no longer sent. */
  readonly lifetimeMs: number
}

/** A mail that this process may send until its lease ends. */
export interface LeasedMail extends Omit<NewOutboxMail, 'lifetimeMs'> {
  readonly id: string
  /** The value of `users.generation` when the mail was stored. Null if the mail belongs to no user. */
  readonly generation: number | null
  /** The number of attempts to send the mail, including the attempt of this lease. */
  readonly attempts: number
  /** The time in milliseconds since the epoch at which the mail was stored. */
  readonly createdAt: number
}

export interface OutboxRepository {
  /** Stores a mail with the generation of its user. The mail is sent after the commit. */
  add(mail: NewOutboxMail): Promise<void>
  /**
   * Leases mails that are due, for `leaseMs` milliseconds: at most `first` mails that were never tried, and at most `again` mails
   * that were tried before. No other call returns these mails during that time.
   */
  lease(limits: { readonly first: number; readonly again: number; readonly leaseMs: number }): Promise<LeasedMail[]>
  /** Makes a leased mail due again after `delayMs` milliseconds. Does nothing if the mail was leased again. */
  retry(mail: Pick<LeasedMail, 'id' | 'attempts'>, delayMs: number): Promise<void>
  /** Assigns a user to a leased mail, and replaces its kind and payload. Returns the generation of the user. */
  address(id: string, mail: Pick<NewOutboxMail, 'kind' | 'userId' | 'payload' | 'keyId'>): Promise<number | null>
  remove(id: string): Promise<void>
  /** Returns how many mails wait to be sent, up to 10,000, and the age of the oldest in seconds. */
  depth(): Promise<{ readonly mails: number; readonly oldestSeconds: number }>
  /** Removes the mails that expired more than five minutes ago, and returns them. */
  removeExpired(): Promise<Pick<LeasedMail, 'id' | 'kind' | 'attempts'>[]>
}

/** @internal */
export const createOutboxRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): OutboxRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."outbox"`
  const generationOf = (user: string): string => `(select generation from ${inSchema}."users" where id = ${user})`
  const inMs = (parameter: string): string =>
    `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`
  const due = (condition: string, limit: string): string =>
    `select id from ${table} where next_at <= clock_timestamp() and expires_at > clock_timestamp() and ${condition}
     order by next_at limit ${limit}::integer for update skip locked`
  const lease = `with first as (${due('attempts = 0', '$1')}), again as (${due('attempts > 0', '$2')})
    update ${table} as mail set attempts = attempts + 1, next_at = ${inMs('$3')}
    where id in (select id from first union all select id from again)
    returning id, kind, user_id as "userId", payload, key_id as "keyId", attempts, generation,
      (extract(epoch from created_at) * 1000)::double precision as "createdAt"`

  return {
    async add({ kind, userId, payload, keyId, lifetimeMs }) {
      await query(
        `insert into ${table} (kind, user_id, payload, key_id, expires_at, generation)
         values ($1, $2, $3, $4, ${inMs('$5')}, ${generationOf('$2')})`,
        [kind, userId, payload, keyId, lifetimeMs]
      )
    },
    lease: ({ first, again, leaseMs }) => query<LeasedMail>(lease, [first, again, leaseMs]),
    async retry({ id, attempts }, delayMs) {
      await query(`update ${table} set next_at = ${inMs('$3')} where id = $1 and attempts = $2`, [
        id,
        attempts,
        delayMs
      ])
    },
    async address(id, { kind, userId, payload, keyId }) {
      const [row] = await query<Pick<LeasedMail, 'generation'>>(
        `update ${table} set kind = $2, user_id = $3, payload = $4, key_id = $5, generation = ${generationOf('$3')}
         where id = $1 returning generation`,
        [id, kind, userId, payload, keyId]
      )
      return row?.generation ?? null
    },
    async remove(id) {
      await query(`delete from ${table} where id = $1`, [id])
    },
    async depth() {
      const [row] = await query<{ mails: number; oldestSeconds: number }>(
        `select count(*)::integer as mails,
           coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::double precision as "oldestSeconds"
         from (select created_at from ${table} where expires_at > clock_timestamp() limit 10000) as waiting`
      )
      return row ?? { mails: 0, oldestSeconds: 0 }
    },
    removeExpired: () =>
      query(
        `delete from ${table} where expires_at < clock_timestamp() - interval '5 minutes' returning id, kind, attempts`
      )
  }
}
