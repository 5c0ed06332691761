/** Defines the format of times in the API. */
import { Type } from '@sinclair/typebox'

/** Describes a time in UTC with milliseconds (RFC 3339), for example `2026-01-31T12:00:00.123+00:00`. */
export const Timestamp = Type.String({
  format: 'date-time',
  description: 'A time in UTC with milliseconds, RFC 3339.',
  examples: ['2026-01-31T12:00:00.123+00:00']
})
