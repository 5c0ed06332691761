/** What can go wrong, in types; and the little that the SDK itself must know of the service's catalogues. */
import type { ChatErrorCode } from './room-types.ts'

/** One violated rule: `path` is a JSON Pointer into the request. */
export interface Violation {
  readonly path: string
  readonly message: string
}

export interface ChatApiErrorOptions {
  readonly status: number
  readonly code: ChatErrorCode
  readonly detail: string
  readonly errors?: readonly Violation[]
  readonly retryAfterMs?: number
  readonly instance?: string
  readonly cause?: unknown
}

/**
 * An HTTP call that failed. `detail` is a sentence that can be shown to a person; `errors` has every violated rule of a 422;
 * `retryAfterMs` is what `Retry-After` said; `instance` is the request's id. When nobody answered, `status` is 0 and `code`
 * is `network_error` or `timeout`; it is `no_token` when the app's own callback failed (`cause`).
 */
export class ChatApiError extends Error {
  readonly status: number
  readonly code: ChatErrorCode
  readonly detail: string
  readonly errors: readonly Violation[]
  readonly retryAfterMs: number | undefined
  readonly instance: string | undefined

  constructor({ status, code, detail, errors = [], retryAfterMs, instance, cause }: ChatApiErrorOptions) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'ChatApiError'
    this.status = status
    this.code = code
    this.detail = detail
    this.errors = errors
    this.retryAfterMs = retryAfterMs
    this.instance = instance
  }
}

/** Refusals of a send that pass by themselves: it is sent again, with the same nonce. */
export const PASSING: readonly string[] = ['rate_limited', 'busy', 'unavailable']
