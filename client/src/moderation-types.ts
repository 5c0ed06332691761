/** The types of the moderation API. */
import type { Report } from './protocol.ts'

/**
 * The end and the reason of a mute or a ban. If `until` is a string, it is a time of RFC 3339. Without `until`, the restriction
 * has no end.
 */
export interface RestrictionTerms {
  readonly until?: string | Date
  readonly reason?: string
}

/** The decision of a moderator about a report. `deleted` also deletes the message. */
export type ReportDecision = NonNullable<Report['outcome']>

/** Selects a page. To get the next page, pass the `next` of the previous page as `after`. */
export interface PageRange {
  readonly after?: number | string
  readonly limit?: number
}

/** Selects a page of reports. Without `state`, the page contains both open and resolved reports. */
export interface ReportRange extends PageRange {
  readonly state?: Report['state']
}
