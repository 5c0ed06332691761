/** Defines the rows of rooms, and the SQL that selects them. */
import type { Invite, MemberRole, Visibility } from '../tables.ts'

/**
 * A room. `epoch` identifies the incarnation of its log. An operator changes it after restoring the database from a backup. In
 * a new room, `lastSeq` is 0 and `oldestSeq` is 1.
 */
export interface RoomRow {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly topic: string | null
  readonly visibility: Visibility
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
  /**
   * Whether an append must check that the author may write in the room. Private and direct rooms are always guarded. A public
   * room is guarded if it is archived or in slow mode, or if a user is muted or banned in it.
   */
  readonly guarded?: boolean
  readonly archived?: boolean
  readonly slowModeSeconds?: number
  readonly invite?: Invite
  /** Number of days for which entries are kept. Null if only MESSAGE_RETENTION_DAYS limits this time. */
  readonly retentionDays?: number | null
  /** Whether the log has entries other than messages. Only `findByNames` sets this field. */
  readonly hasOthers?: boolean
}

/** A room as one user sees it. `role` is null if the user is not a member. */
export interface RoomOfUser extends RoomRow {
  readonly role: MemberRole | null
}

/** Returns the SQL that selects a `RoomRow` from the table or subquery `room`. */
export const roomColumns = (room: string): string =>
  // Casts to double precision, because the client that a host application passes in may return a bigint as text.
  `${room}.id, ${room}.name, ${room}.title, ${room}.topic, ${room}.visibility, ${room}.epoch,
    ${room}.last_seq::double precision as "lastSeq", ${room}.oldest_seq::double precision as "oldestSeq",
    ${room}.guarded, ${room}.archived, ${room}.slow_mode_seconds as "slowModeSeconds", ${room}.invite,
    ${room}.retention_days as "retentionDays"`
