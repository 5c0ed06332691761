/** Writes the events of the audit log to the log of the process. */
import type { NewAuditEvent } from '../db/repositories/audit.ts'
import type { Log } from '../lib/logging.ts'

/** Logs an event with its ids and codes, but without the address and the agent of the client. */
export const logEvent = (log: Pick<Log, 'info'>, { event, userId, actorId, sessionId, detail }: NewAuditEvent): void =>
  log.info({ event, user_id: userId, actor_id: actorId, session_id: sessionId, detail }, 'recorded an audit event')
