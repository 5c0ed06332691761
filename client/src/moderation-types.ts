/** The types of the moderation API. */

/** How long a user is muted or banned, and why. Without `until`, the restriction has no end. `until` is a time of RFC 3339. */
export interface RestrictionTerms {
  readonly until?: string | Date
  readonly reason?: string
}

/** What a moderator decided about a report. `deleted` also deletes the message. */
export type ReportOutcome = 'dismissed' | 'deleted'

/** A reported message. `content` is the text as it was when it was reported. */
export interface Report {
  readonly id: number
  readonly room: string
  readonly seq: number
  readonly reporter: unknown
  readonly author: unknown
  readonly content: string | null
  readonly reason?: string
  readonly created_at: string
  readonly state: 'open' | 'resolved'
  readonly resolved_by?: unknown
}

export interface ReportPage {
  readonly reports: readonly Report[]
  readonly has_more: boolean
  readonly next?: number | string
}

/** Selects a page. To get the next page, pass the `next` of the previous page as `after`. */
export interface PageRange {
  readonly after?: number | string
  readonly limit?: number
}

/** Selects a page of reports, in one state or in both. */
export interface ReportRange extends PageRange {
  readonly state?: Report['state']
}
