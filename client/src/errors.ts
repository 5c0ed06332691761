/** The SDK's errors, and the part of the service's error catalog that the SDK needs. */
import type { ChatErrorCode } from './room-types.ts'

/** A violated rule. `path` is a JSON Pointer into the request. */
export interface Violation {
  readonly path: string
  readonly message: string
}

export interface ChatApiErrorOptions {
  readonly status: number
  readonly code: ChatErrorCode
  readonly detail: string
  readonly errors?: readonly Violation[]
  readonly challenge?: string
  readonly methods?: readonly string[]
  readonly retryAfterMs?: number
  readonly until?: string
  readonly instance?: string
  readonly cause?: unknown
}

/**
 * Thrown when an HTTP call fails. `detail` is a sentence for the user. For a response with status 422, `errors` lists every
 * violated rule. `challenge` continues a login that needs another step, and `methods` lists the second factors that the step
 * accepts. `retryAfterMs` is the value of `Retry-After` in milliseconds. `until` is the end of a mute or a ban. `instance` is
 * the id of the request. Without a response, `status` is 0 and `code` is `network_error` or `timeout`. If the app's token
 * callback throws an error that isn't a ChatApiError, `status` is 0, `code` is `no_token` and `cause` is that error.
 */
export class ChatApiError extends Error {
  declare readonly status: number
  declare readonly code: ChatErrorCode
  declare readonly detail: string
  declare readonly errors: readonly Violation[]
  declare readonly challenge: string | undefined
  declare readonly methods: readonly string[]
  declare readonly retryAfterMs: number | undefined
  declare readonly until: string | undefined
  declare readonly instance: string | undefined

  constructor({ cause, ...fields }: ChatApiErrorOptions) {
    super(fields.detail, cause === undefined ? undefined : { cause })
    this.name = 'ChatApiError'
    Object.assign(this, { errors: [], methods: [], ...fields })
  }
}

/** The codes of temporary errors. After such an error, the SDK repeats the frame. */
export const TEMPORARY_ERRORS: readonly string[] = ['rate_limited', 'busy', 'unavailable']
