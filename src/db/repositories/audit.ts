/** Stores the audit log: what happened to accounts, by whom and from where. */
import type { SqlClient } from '../client/types.ts'

/**
 * An event of an account. `userId` is the account it happened to, and `actorId` the user who caused it, if another one.
 * `detail` contains ids, numbers and codes: no names, addresses, tokens or texts.
 */
export interface NewAuditEvent {
  readonly event: string
  readonly userId?: number | undefined
  readonly actorId?: number | undefined
  readonly sessionId?: string | undefined
  /** The network address of the client. */
  readonly address?: string | undefined
  /** The `User-Agent` of the client. */
  readonly agent?: string | undefined
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined
}

export interface AuditRepository {
  /** Stores an event. Call it with the repositories of the transaction that changes the account. */
  record(event: NewAuditEvent): Promise<void>
}

/** @internal */
export const createAuditRepository = ({ query }: SqlClient, schema: string): AuditRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."audit"`
  const insert = `insert into ${table} (event, user_id, actor_id, session_id, address, agent, detail)
    values ($1, $2, $3, $4, $5, $6, $7::text::jsonb)`
  return {
    async record({ event, userId = null, actorId = null, sessionId = null, address = null, agent = null, detail }) {
      const json = detail === undefined ? null : JSON.stringify(detail)
      await query(insert, [event, userId, actorId, sessionId, address, agent, json])
    }
  }
}
