/** Stores reports of messages, and lets moderators read and resolve them. A report keeps an encrypted copy of the text. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { ReportOutcome, ReportRow, ReportsRepository } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'
import { MAX_REPORTS, type Report, type ReportList, type ReportRange } from '../../protocol/http/reports.ts'
import type { Principal } from '../access/authorize.ts'
import type { RoomAccess } from '../access/room-access.ts'
import { deletion } from '../kinds/deletion.ts'
import type { ChatLog } from '../log/chat-log.ts'
import type { LogReader } from '../log/reader.ts'
import { refusalOf } from '../log/refusals.ts'
import type { Room } from './room.ts'

/** Each method with a parameter `room` throws the errors of `FindRoom` (access/room-access.ts). */
export interface ChatReports {
  /**
   * Reports a message. Returns the earlier report if the principal has reported the message before. Throws `message_not_found` or
   * `already_deleted`.
   */
  add(principal: Principal, room: string, seq: number, reason?: string): Promise<{ id: number; isNew: boolean }>
  /** Returns the reports of a room, newest first. Throws `not_allowed` if the principal may not review the reports. */
  list(principal: Principal, room: string, range: ReportRange): Promise<ReportList>
  /**
   * Resolves a report. With the outcome `deleted`, also deletes the message. Throws `not_allowed`, `report_not_found` or
   * `already_resolved`, or the error with which the deletion failed.
   */
  resolve(principal: Principal, room: string, id: number, outcome: ReportOutcome): Promise<void>
  /** Decrypts a page of reports. `rows` has one row more than the page if there are older reports. */
  pageOf(rows: readonly ReportRow[], range: ReportRange): ReportList
  /**
   * Deletes the message of a report for an administrator, by appending an entry to the log. Does nothing if the message is
   * already deleted or has expired. In a direct room, access is not checked, because the administrator need not be a member.
   */
  deleteMessage(principal: Principal, report: Pick<ReportRow, 'room' | 'visibility' | 'seq'>): Promise<void>
}

export interface ChatReportsOptions {
  readonly repository: Pick<ReportsRepository, 'add' | 'mayReview' | 'ofRoom' | 'findInRoom' | 'resolve'>
  readonly keyring: Keyring
  readonly reader: Pick<LogReader, 'entry' | 'limited'>
  readonly readIn: RoomAccess['readIn']
  readonly ensureAllowed: RoomAccess['ensureAllowed']
  readonly log: Pick<ChatLog, 'append' | 'appendAsHost' | 'message'>
}

export const createChatReports = (options: ChatReportsOptions): ChatReports => {
  const { repository, keyring, reader, readIn, ensureAllowed, log } = options

  /** Returns the current text of a message, or null if it cannot be read. */
  const textOf = async (principal: Principal, room: string, seq: number): Promise<string | null> => {
    const { content } = JSON.parse((await log.message(principal, room, seq)).toString()) as { content: string | null }
    return content
  }

  const decrypted = (token: string | null, keyId: string): string | undefined =>
    token === null ? undefined : keyring.decrypt(token, keyId)

  const shown = (row: ReportRow): Report => {
    const { id, room, seq, keyId, createdAt, resolvedAt, resolvedById, resolvedBy, outcome } = row
    const reason = decrypted(row.reason, keyId)
    return {
      id,
      room,
      seq,
      reporter: { user_id: row.reporterId, username: row.reporter },
      author: { user_id: row.authorId, username: row.author },
      content: decrypted(row.content, keyId) ?? null,
      ...(reason === undefined ? {} : { reason }),
      created_at: timestamp(createdAt),
      state: resolvedAt === null ? 'open' : 'resolved',
      ...(outcome === null ? {} : { outcome }),
      ...(resolvedAt === null ? {} : { resolved_at: timestamp(resolvedAt) }),
      ...(resolvedById === null ? {} : { resolved_by: { user_id: resolvedById, username: resolvedBy ?? '' } })
    }
  }

  const pageOf: ChatReports['pageOf'] = (rows, { limit }) => {
    const count = reportCountOf(limit)
    const next = rows.length > count ? rows[count - 1]?.id : undefined
    const reports = rows.slice(0, count).map(shown)
    return { reports, has_more: next !== undefined, ...(next === undefined ? {} : { next }) }
  }

  const ensureReviewer = async (principal: Principal, { id, name }: Pick<Room, 'id' | 'name'>): Promise<void> => {
    if (!(await repository.mayReview(id, principal.userId))) throw notModerator()
    await ensureAllowed(principal, name, 'moderate')
  }

  /** Waits for a deletion. Ignores the error if the message was already deleted or has expired. */
  const untilDeleted = async (deleted: Promise<unknown>): Promise<void> => {
    try {
      await deleted
    } catch (error) {
      if (!hasCode(error, 'already_deleted') && !hasCode(error, 'message_not_found')) throw error
    }
  }

  return {
    async add(principal, name, seq, reason) {
      const text = await textOf(principal, name, seq)
      const content = text === null ? null : keyring.encrypt(text)
      const why = reason === undefined ? null : keyring.encrypt(reason.toWellFormed())
      const added = await readIn(principal, name, room =>
        repository.add({
          roomId: room.id,
          seq,
          userId: principal.userId,
          content: content?.token ?? null,
          reason: why?.token ?? null,
          keyId: keyring.currentKeyId
        })
      )
      if ('refused' in added) throw refusalOf(added.refused)
      return added
    },
    list: async (principal, name, range) =>
      readIn(principal, name, async room => {
        await ensureReviewer(principal, room)
        const { after: before, state, limit } = range
        const query = { before, state, limit: reportCountOf(limit) + 1 }
        return pageOf(await reader.limited(() => repository.ofRoom(room.id, query)), range)
      }),
    async resolve(principal, name, id, outcome) {
      const report = await readIn(principal, name, async room => {
        await ensureReviewer(principal, room)
        return repository.findInRoom(room.id, id)
      })
      if (!report) throw refusalOf('report_not_found')
      if (report.resolvedAt !== null) throw refusalOf('already_resolved')
      if (outcome === 'deleted') await untilDeleted(log.append(principal, name, deletionOf(report.seq)))
      if (!(await repository.resolve(id, principal.userId, outcome))) throw refusalOf('already_resolved')
    },
    pageOf,
    deleteMessage: (principal, { room, visibility, seq }) =>
      untilDeleted(
        visibility === 'direct'
          ? log.appendAsHost(principal, room, deletionOf(seq))
          : log.append(principal, room, deletionOf(seq))
      )
  }
}

/** Returns how many reports to read for the query parameter `limit`. */
export const reportCountOf = (limit = MAX_REPORTS): number => Math.min(limit, MAX_REPORTS)

const deletionOf = (target: number) => {
  const command = { type: deletion.commandType, target }
  return { kind: deletion, command }
}

const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof ChatError && error.code === code

const notModerator = (): ChatError =>
  new ChatError('not_allowed', 'Only moderators and owners of the room may read and resolve its reports.')
