/** The types of the moderation API. */
import type { Report } from './protocol.ts'

/** How long a user is muted or banned, and why. Without `until`, the restriction has no end. `until` is a time of RFC 3339. */
export interface RestrictionTerms {
  readonly until?: string | Date
  readonly reason?: string
}

/** What a moderator decided about a report. `deleted` also deletes the message. */
export type ReportDecision = NonNullable<Report['outcome']>

/** Selects a page. To get the next page, pass the `next` of the previous page as `after`. */
export interface PageRange {
  readonly after?: number | string
  readonly limit?: number
}

/** Selects a page of reports, in one state or in both. */
export interface ReportRange extends PageRange {
  readonly state?: Report['state']
}
