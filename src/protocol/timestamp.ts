/** The one form of a point in time on the wire. */
import { Type } from '@sinclair/typebox'

/** UTC with milliseconds, RFC 3339: `2026-01-31T12:00:00.123+00:00`. */
export const Timestamp = Type.String({
  format: 'date-time',
  description: 'UTC with milliseconds, RFC 3339.',
  examples: ['2026-01-31T12:00:00.123+00:00']
})
