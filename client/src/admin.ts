/** Provides typed functions for administrators: users, invitations, reports and the audit log. */
import type { AuditEvent, ManagedUser, Role } from './account-types.ts'
import { type CallOptions, createCall } from './call.ts'
import type { ReportDecision, ReportRange } from './moderation-types.ts'
import type { ReportList } from './protocol.ts'

/** The functions of the admin API. All require the role `admin` and a recent proof (`prove` of the account API). */
export interface AdminApi {
  /**
   * Lists users, with `query` only those whose names begin with it. To get the next page, pass the `next` of the previous page as
   * `after`.
   */
  users(page?: { readonly query?: string; readonly after?: string | number; readonly limit?: number }): Promise<{
    readonly users: readonly ManagedUser[]
    readonly next?: string | number | null
  }>
  changeUser(
    id: number,
    change: { readonly role?: Role; readonly status?: 'active' | 'suspended' }
  ): Promise<ManagedUser>
  deleteUser(id: number, shouldErase?: boolean): Promise<void>
  /**
   * Allows a user to set a new password. The service mails a link to the user. Returns a token instead if the user has no
   * verified address or was mailed too many links, or if the service sends no mail.
   */
  resetPassword(
    id: number
  ): Promise<{ readonly is_mailed: boolean; readonly token?: string; readonly expires_in: number }>
  endSessions(id: number): Promise<void>
  invite(expiresInHours?: number): Promise<{ readonly invitation: string; readonly expires_at: string }>
  /**
   * Lists the reported messages of public rooms and direct rooms, and of private rooms in which this administrator is a member.
   */
  reports(page?: ReportRange): Promise<ReportList>
  resolveReport(id: number, outcome: ReportDecision): Promise<void>
  /** Returns a page of the audit log, newest event first. */
  audit(page?: {
    readonly after?: string | number
    readonly limit?: number
    readonly user?: number
    readonly event?: string
  }): Promise<{ readonly events: readonly AuditEvent[]; readonly next?: string | number | null }>
}

/** Creates the functions that call one service. */
export const createAdminApi = (options: CallOptions): AdminApi => {
  const call = createCall(options)
  const user = (id: number, action = ''): string => `/api/admin/users/${id}${action}`
  return {
    users: (page = {}) => call('GET', '/api/admin/users', { query: page }),
    changeUser: (id, change) => call('PATCH', user(id), { body: change }),
    // `erase` may be undefined. The JSON encoding of the body then omits it.
    deleteUser: (id, erase) => call('DELETE', user(id), { body: { erase } }),
    resetPassword: id => call('POST', user(id, '/reset-password'), { body: {} }),
    endSessions: id => call('POST', user(id, '/logout-all'), { body: {} }),
    invite: hours => call('POST', '/api/admin/invitations', { body: { expires_in_hours: hours } }),
    reports: (page = {}) => call('GET', '/api/admin/reports', { query: page }),
    resolveReport: (id, outcome) => call('POST', `/api/admin/reports/${id}/resolve`, { body: { outcome } }),
    audit: (page = {}) => call('GET', '/api/admin/audit', { query: page })
  }
}
