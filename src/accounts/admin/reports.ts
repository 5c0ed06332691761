/**
 * Lets administrators read and resolve reports of messages. Each page that is read, and each resolution, is recorded as an event.
 */
import type { Repositories } from '../../db/database.ts'
import type { ReportOutcome, ReportQuery, ReportRow } from '../../db/repositories/reports.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type Administrator, notAdmin, recordFor, sessionOf } from './actor.ts'

export interface ReportReview {
  /** Returns the reports that the administrator may read, newest first, and records that they were read. Throws `not_allowed`. */
  read(actor: Administrator, query: ReportQuery): Promise<ReportRow[]>
  /**
   * Resolves a report. With the outcome `deleted`, first calls `deleteMessage`. Throws `not_allowed`, `report_not_found`,
   * `already_resolved`, or the error of `deleteMessage`.
   */
  resolve(
    actor: Administrator,
    id: number,
    outcome: ReportOutcome,
    deleteMessage: (report: ReportRow) => Promise<void>
  ): Promise<void>
}

export const createReportReview = ({ database }: Pick<AccountsContext, 'database'>): ReportReview => {
  const requireAdmin = async ({ administration }: Pick<Repositories, 'administration'>, actor: Administrator) => {
    if (!(await administration.isAllowed(sessionOf(actor)))) throw notAdmin()
  }

  return {
    read: (actor, query) =>
      database.transaction(async repositories => {
        await requireAdmin(repositories, actor)
        const rows = await repositories.reports.forAdministrator(actor.userId, query)
        const { before, state } = query
        const detail = { ...(before === undefined ? {} : { after: before }), ...(state === undefined ? {} : { state }) }
        await recordFor(repositories, actor, undefined, { event: 'reports_read', detail })
        return rows
      }),
    async resolve(actor, id, outcome, deleteMessage) {
      const report = await database.transaction(async repositories => {
        await requireAdmin(repositories, actor)
        return repositories.reports.findForAdministrator(actor.userId, id)
      })
      if (!report)
        throw new ChatError(
          'report_not_found',
          'There is no such report, or you may not read it. It may have been deleted.'
        )
      if (report.resolvedAt !== null) throw alreadyResolved()
      // The message is deleted outside the transaction, because `deleteMessage` appends an entry to the log, on another connection.
      if (outcome === 'deleted') await deleteMessage(report)
      await database.transaction(async repositories => {
        await requireAdmin(repositories, actor)
        if (!(await repositories.reports.resolve(id, actor.userId, outcome))) throw alreadyResolved()
        const detail = { report: id, outcome }
        await recordFor(repositories, actor, report.authorId, { event: 'report_resolved', detail })
      })
    }
  }
}

const alreadyResolved = (): ChatError => new ChatError('already_resolved', 'Somebody has already resolved this report.')
