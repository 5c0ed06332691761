/** Lists the events of the audit log. */

/** The name of each event, and when it is recorded. Names are added over time, never renamed. */
export const AUDIT_EVENTS = {
  login: 'A user logged in.',
  login_failed: 'Logins failed. Counted per account, network and hour.'
} as const satisfies Record<string, string>

export type AuditEventName = keyof typeof AUDIT_EVENTS
