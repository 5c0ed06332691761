/**
 * The one catalogue of error codes: what each means, the HTTP status it has, and what a client should do about it.
 * The HTTP problems (RFC 9457), the `error` frames and the documents all come from here; see PROTOCOL "Errors".
 */

/** One entry of the catalogue: HTTP status, a short title, and the advice that clients and documents show. */
export interface ErrorEntry {
  readonly status: number
  readonly title: string
  readonly advice: string
}

/** Every stable error code. Codes are added over time, never renamed or removed. */
export const ERRORS = {
  bad_request: { status: 400, title: 'Bad request', advice: 'Correct the request as the detail says.' },
  invalid_json: { status: 400, title: 'Invalid JSON', advice: 'Send a body that is valid JSON.' },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials',
    advice: 'Ask for the username and password again.'
  },
  missing_token: { status: 401, title: 'Token missing', advice: 'Log in and send the access token.' },
  invalid_token: { status: 401, title: 'Token invalid', advice: 'Log in again for a new access token.' },
  token_expired: { status: 401, title: 'Token expired', advice: 'Log in again for a new access token.' },
  not_logged_in: { status: 401, title: 'Not logged in', advice: 'Log in with the application around the chat.' },
  origin_not_allowed: { status: 403, title: 'Origin not allowed', advice: 'Add the page’s origin to CORS_ORIGINS.' },
  not_allowed: { status: 403, title: 'Not allowed', advice: 'Ask someone who may.' },
  rejected: { status: 403, title: 'Message rejected', advice: 'Change the message as the detail says.' },
  wrong_user: { status: 403, title: 'Token of another user', advice: 'Open a new connection for another user.' },
  not_found: { status: 404, title: 'Not found', advice: 'Check the path against the API document.' },
  room_not_found: { status: 404, title: 'Room not found', advice: 'Check the name, or that you may read the room.' },
  username_taken: { status: 409, title: 'Username taken', advice: 'Choose another username.' },
  room_taken: { status: 409, title: 'Room taken', advice: 'Choose another name.' },
  nonce_reused: { status: 409, title: 'Nonce reused', advice: 'Use a new nonce for a new message.' },
  payload_too_large: { status: 413, title: 'Payload too large', advice: 'Send less in one request.' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', advice: 'Send application/json.' },
  validation_failed: { status: 422, title: 'Validation failed', advice: 'Correct every field named in errors.' },
  invalid_frame: {
    status: 422,
    title: 'Invalid frame',
    advice: 'Correct what the detail names; a connection is still open.'
  },
  unknown_frame: {
    status: 422,
    title: 'Unknown frame type',
    advice: 'Send one of the frame types in the AsyncAPI document; a connection is still open.'
  },
  message_too_long: { status: 422, title: 'Message too long', advice: 'Shorten the message.' },
  upgrade_required: { status: 426, title: 'Upgrade required', advice: 'Connect with a WebSocket client.' },
  rate_limited: { status: 429, title: 'Too many requests', advice: 'Wait as long as Retry-After says.' },
  flooding: { status: 429, title: 'Flooding', advice: 'Come back after retry_after_ms and send less.' },
  too_many_rooms: { status: 429, title: 'Too many rooms', advice: 'Stop following a room first.' },
  too_many_connections: { status: 429, title: 'Too many connections', advice: 'Close another connection first.' },
  internal_error: { status: 500, title: 'Internal error', advice: 'Try again; report the request id if it persists.' },
  busy: { status: 503, title: 'Busy', advice: 'Try again after a short wait; a message with the same nonce.' },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    advice: 'Try again after a short wait; a message with the same nonce.'
  }
} as const satisfies Record<string, ErrorEntry>

/** A stable error code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS

/** One violated rule: `path` is a JSON Pointer (RFC 6901) into the request, e.g. `/body/username`. */
export interface Violation {
  readonly path: string
  readonly message: string
}

/** What an error may carry besides its code and detail. */
export interface ChatErrorOptions {
  /** All the violated rules at once, for `validation_failed`. */
  readonly errors?: readonly Violation[]
  /** How long to wait before trying again, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/**
 * The error that every room throws on purpose. `detail` is a sentence that a person can act on and goes to the client
 * as it is, so it never holds a secret, a message's text or anything of the inside.
 */
export class ChatError extends Error {
  readonly code: ErrorCode
  readonly errors: readonly Violation[] | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, detail: string, options: ChatErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ChatError'
    this.code = code
    this.errors = options.errors
    this.retryAfterMs = options.retryAfterMs
  }

  /** The word that the client is told: the code, unless a host has one of its own. */
  get word(): string {
    return this.code
  }

  /** The HTTP status of the code. Fastify reads this name. */
  get statusCode(): number {
    return ERRORS[this.code].status
  }

  /** What the client is told; the same sentence as `message`. */
  get detail(): string {
    return this.message
  }
}

/** Matches every code, those of a host application included. */
export const CODE_PATTERN = '^[a-z][a-z0-9_.]{0,63}$'
const CODE = new RegExp(CODE_PATTERN)

/**
 * What a host's `beforeMessage` throws to refuse a message: 403 over HTTP, an `error` frame on the WebSocket. `code` is the
 * host's own word, 1-64 of a-z, 0-9, "_" and "." that begin with a letter; `detail` is a sentence for the sender. Throws a
 * TypeError for any other code.
 */
export class ChatRejection extends ChatError {
  readonly #word: string

  constructor(code: string, detail: string) {
    if (!CODE.test(code)) throw new TypeError('The code of a ChatRejection must be a word such as "no_links".')
    super('rejected', detail)
    this.name = 'ChatRejection'
    this.#word = code
  }

  override get word(): string {
    return this.#word
  }
}
