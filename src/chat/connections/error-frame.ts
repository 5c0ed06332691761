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

/** Returns whether an error is the fault of the service and not of the client. Such errors are logged. */
export const isFailure = (error: ChatError): boolean => error.statusCode >= 500 && !isLimit(error)

/**
 * Creates the frame for an error. If the error is logged, the frame has `instance`: the id with which the operator finds the
 * log line.
 */
export const errorFrame = (error: ChatError, marks: FrameMarks, requestId?: string): ServerFrame => {
  const { word, detail, retryAfterMs, until } = error
  const isLogged = requestId !== undefined && (isLimit(error) || isFailure(error))
  return {
    type: 'error',
    code: word,
    detail,
    ...marks,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }),
    ...(until === undefined ? {} : { until: timestamp(until) }),
    ...(isLogged ? { instance: requestId } : {})
  }
}
