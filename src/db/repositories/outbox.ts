/** Stores mails until they are sent. Their parameters are encrypted. */
import type { SqlClient } from '../client/types.ts'

/** A mail to send. `payload` is a Fernet token, and `keyId` the id of its key. */
export interface NewOutboxMail {
  readonly kind: string
  readonly userId: number | null
  readonly payload: string
  readonly keyId: string
  /** Time in milliseconds after which the mail is not sent anymore. */
  readonly lifetimeMs: number
}

export interface OutboxRepository {
  /** Stores a mail, which is sent after the commit. */
  add(mail: NewOutboxMail): Promise<void>
}

/** @internal */
export const createOutboxRepository = ({ query }: SqlClient, schema: string): OutboxRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."outbox"`
  const insert = `insert into ${table} (kind, user_id, payload, key_id, expires_at)
    values ($1, $2, $3, $4, clock_timestamp() + $5::double precision * interval '1 millisecond')`
  return {
    async add({ kind, userId, payload, keyId, lifetimeMs }) {
      await query(insert, [kind, userId, payload, keyId, lifetimeMs])
    }
  }
}
