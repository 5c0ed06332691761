/** Creates `error` frames, which report to a client why a frame was rejected. */
import { timestamp } from '../../lib/clock.ts'
import type { ChatError, ErrorCode } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/frames.ts'
import type { FrameMarks } from './decode.ts'

/** The error codes of limits. Errors with these codes are logged for the operator. */
const LIMITS: ReadonlySet<ErrorCode> = new Set([
  'rate_limited',
  'busy',
  'flooding',
  'message_too_long',
  'too_many_rooms',
  'too_many_connections'
])

export const isLimit = ({ code }: ChatError): boolean => LIMITS.has(code)

export const errorFrame = ({ word, detail, retryAfterMs, until }: ChatError, marks: FrameMarks): ServerFrame => ({
  type: 'error',
  code: word,
  detail,
  ...marks,
  ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }),
  ...(until === undefined ? {} : { until: timestamp(until) })
})
