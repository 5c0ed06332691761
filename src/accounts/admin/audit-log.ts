/** Returns pages of the audit log to administrators. Each page that is read is recorded as an event. */
import type { AuditFilter, AuditRow } from '../../db/repositories/audit-reader.ts'
import type { AccountsContext } from '../context.ts'
import { type AdminOrOperator, notAdmin, recordFor, sessionOf } from './actor.ts'

export interface AuditLog {
  /** Returns at most `limit` events, newest first, and records that they were read. Throws `not_allowed`. */
  read(actor: AdminOrOperator, filter: AuditFilter, limit: number): Promise<AuditRow[]>
}

export const createAuditLog = ({ database }: Pick<AccountsContext, 'database'>): AuditLog => ({
  read: (actor, filter, limit) =>
    database.transaction(async repositories => {
      if (!(await repositories.administration.isAllowed(sessionOf(actor)))) throw notAdmin()
      const rows = await repositories.audit.list(filter, limit)
      const { before, userId, event } = filter
      const detail = {
        ...(before === undefined ? {} : { after: before }),
        ...(userId === undefined ? {} : { user: userId }),
        ...(event === undefined ? {} : { event })
      }
      await recordFor(repositories, actor, undefined, { event: 'audit_read', detail })
      return rows
    })
})
