/**
 * Defines the error catalog: the meaning of each code, its HTTP status, and what a client should do. HTTP problems (RFC 9457),
 * `error` frames and the API documents are derived from the catalog; see docs/protocol.md.
 */

/** Describes an error code: its HTTP status, a short title, and advice for clients. */
export interface ErrorEntry {
  readonly status: number
  readonly title: string
  readonly advice: string
}

/** Lists every stable error code. Codes are added over time, never renamed or removed. */
export const ERRORS = {
  bad_request: { status: 400, title: 'Bad request', advice: 'Correct the request as described in the detail.' },
  invalid_json: { status: 400, title: 'Invalid JSON', advice: 'Send a body that is valid JSON.' },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials',
    advice: 'Prompt for the username and password again.'
  },
  second_factor_required: {
    status: 401,
    title: 'Second factor required',
    advice: 'Prompt for one of the methods, and continue with the challenge.'
  },
  invalid_code: { status: 401, title: 'Code invalid', advice: 'Prompt for another code.' },
  invalid_challenge: {
    status: 401,
    title: 'Challenge invalid',
    advice: 'Repeat the request that returned the challenge, for example the login.'
  },
  invalid_passkey: { status: 401, title: 'Passkey invalid', advice: 'Offer another passkey or another method.' },
  missing_token: { status: 401, title: 'Token missing', advice: 'Log in and send the access token.' },
  invalid_token: { status: 401, title: 'Token invalid', advice: 'Log in again for a new access token.' },
  token_expired: { status: 401, title: 'Token expired', advice: 'Log in again for a new access token.' },
  invalid_refresh_token: {
    status: 401,
    title: 'Refresh token invalid',
    advice: 'The session has ended. Log in again.'
  },
  not_logged_in: { status: 401, title: 'Not logged in', advice: 'Log in with the application that contains the chat.' },
  account_suspended: {
    status: 403,
    title: 'Account suspended',
    advice: 'Contact an administrator of the service.'
  },
  email_not_verified: {
    status: 403,
    title: 'E-mail address not verified',
    advice: 'Ask the user to open the link in the mail. POST /api/auth/email with the challenge sends a new link.'
  },
  account_deleted: {
    status: 403,
    title: 'Account deleted',
    advice: 'The account does not exist anymore. Log in as another user.'
  },
  registration_closed: { status: 403, title: 'Registration closed', advice: 'Ask an administrator for an account.' },
  invitation_required: { status: 403, title: 'Invitation required', advice: 'Prompt for an invitation.' },
  invalid_invitation: { status: 403, title: 'Invitation invalid', advice: 'Prompt for another invitation.' },
  proof_required: {
    status: 403,
    title: 'Proof required',
    advice: 'Prove who you are with POST /api/auth/proof, and send the request again.'
  },
  second_factor_missing: {
    status: 403,
    title: 'Second factor missing',
    advice: 'Add a second factor to your account, and send the request again.'
  },
  origin_not_allowed: { status: 403, title: 'Origin not allowed', advice: 'Add the page’s origin to CORS_ORIGINS.' },
  not_allowed: { status: 403, title: 'Not allowed', advice: 'Ask someone with the permission.' },
  muted: {
    status: 403,
    title: 'Muted',
    advice: 'Disable the input in this room until the time in `until`, or until the mute is ended.'
  },
  banned: { status: 403, title: 'Banned', advice: 'Leave the room, and do not try again before `until`.' },
  not_author: {
    status: 403,
    title: 'Not the author',
    advice: 'Offer edits of own messages only, and deletions also of messages of users with a lower role.'
  },
  rejected: { status: 403, title: 'Message rejected', advice: 'Change the message as described in the detail.' },
  wrong_user: { status: 403, title: 'Token of another user', advice: 'Open a new connection for another user.' },
  not_found: { status: 404, title: 'Not found', advice: 'Compare the path with the API document.' },
  invitation_invalid: {
    status: 404,
    title: 'Invitation invalid',
    advice: 'Ask for a new invitation. This one does not exist, has expired, or was used up or revoked.'
  },
  invitation_not_found: { status: 404, title: 'Invitation not found', advice: 'Load the list of invitations again.' },
  report_not_found: { status: 404, title: 'Report not found', advice: 'Load the list of reports again.' },
  user_not_found: { status: 404, title: 'User not found', advice: 'Load the list of users again.' },
  room_not_found: {
    status: 404,
    title: 'Room not found',
    advice: 'Check the name. A room that the user may not read looks like a room that does not exist.'
  },
  message_not_found: {
    status: 404,
    title: 'Message not found',
    advice: 'Load the messages of the room again; the message may have been deleted.'
  },
  passkey_not_found: { status: 404, title: 'Passkey not found', advice: 'Load the list of passkeys again.' },
  passkeys_unavailable: {
    status: 404,
    title: 'Passkeys unavailable',
    advice: 'Offer other methods. The operator turns passkeys on with PUBLIC_URL.'
  },
  username_taken: { status: 409, title: 'Username taken', advice: 'Choose another username.' },
  username_reserved: { status: 409, title: 'Username reserved', advice: 'Choose another username.' },
  totp_enabled: { status: 409, title: 'Authenticator app in use', advice: 'Remove the authenticator app first.' },
  no_second_factor: { status: 409, title: 'No second factor', advice: 'Add an authenticator app or a passkey first.' },
  too_many_passkeys: { status: 409, title: 'Too many passkeys', advice: 'Remove a passkey first.' },
  last_admin: { status: 409, title: 'Last administrator', advice: 'Promote another user first.' },
  already_member: { status: 409, title: 'Already a member', advice: 'Load the members of the room again.' },
  last_owner: { status: 409, title: 'Last owner', advice: 'Make another member an owner first.' },
  too_many_invitations: { status: 409, title: 'Too many invitations', advice: 'Revoke an invitation first.' },
  already_resolved: { status: 409, title: 'Already resolved', advice: 'Load the list of reports again.' },
  too_many_blocks: { status: 409, title: 'Too many blocks', advice: 'Remove a block first.' },
  room_archived: { status: 409, title: 'Room archived', advice: 'Show the room as read-only.' },
  room_unchanged: { status: 409, title: 'Room unchanged', advice: 'Load the room again.' },
  room_taken: { status: 409, title: 'Room taken', advice: 'Choose another name.' },
  already_deleted: { status: 409, title: 'Already deleted', advice: 'Show the message as deleted.' },
  edit_window_over: { status: 409, title: 'Edit window over', advice: 'Send a new message.' },
  too_many_edits: { status: 409, title: 'Too many edits', advice: 'Send a new message.' },
  too_many_reactions: {
    status: 409,
    title: 'Too many reactions',
    advice: 'Remove a reaction first, or use another key.'
  },
  too_many_pins: { status: 409, title: 'Too many pins', advice: 'Remove a pin first.' },
  nonce_reused: { status: 409, title: 'Nonce reused', advice: 'Use a new nonce for a new message.' },
  link_expired: { status: 410, title: 'Link expired', advice: 'Request a new link.' },
  payload_too_large: { status: 413, title: 'Payload too large', advice: 'Send a smaller request.' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', advice: 'Send application/json.' },
  validation_failed: { status: 422, title: 'Validation failed', advice: 'Correct every field listed in errors.' },
  password_too_common: {
    status: 422,
    title: 'Password too common',
    advice: 'Choose a password that is not a common one and not the name of the account.'
  },
  invalid_frame: {
    status: 422,
    title: 'Invalid frame',
    advice: 'Correct the frame as described in the detail; the connection stays open.'
  },
  unknown_frame: {
    status: 422,
    title: 'Unknown frame type',
    advice: 'Send one of the frame types in the AsyncAPI document; the connection stays open.'
  },
  message_too_long: { status: 422, title: 'Message too long', advice: 'Shorten the message.' },
  upgrade_required: { status: 426, title: 'Upgrade required', advice: 'Connect with a WebSocket client.' },
  rate_limited: { status: 429, title: 'Too many requests', advice: 'Wait for the number of seconds in Retry-After.' },
  slow_mode: { status: 429, title: 'Slow mode', advice: 'Wait for retry_after_ms before the next message.' },
  flooding: { status: 429, title: 'Flooding', advice: 'Wait for retry_after_ms, and send less.' },
  too_many_rooms: { status: 429, title: 'Too many rooms', advice: 'Unsubscribe from a room first.' },
  too_many_connections: { status: 429, title: 'Too many connections', advice: 'Close another connection first.' },
  internal_error: {
    status: 500,
    title: 'Internal error',
    advice: 'Try again, and report the request id if it happens again.'
  },
  upgrade_pending: {
    status: 503,
    title: 'Upgrade pending',
    advice: 'Try again after the upgrade. The first frame lists the kinds that are accepted in features.'
  },
  busy: { status: 503, title: 'Busy', advice: 'Try again in a moment. Send a message with the same nonce.' },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    advice: 'Try again in a moment. Send a message with the same nonce.'
  }
} as const satisfies Record<string, ErrorEntry>

/** A code of the catalog. */
export type ErrorCode = keyof typeof ERRORS

/** Describes a violated rule; `path` is a JSON Pointer (RFC 6901) into the request, for example `/body/username`. */
export interface Violation {
  readonly path: string
  readonly message: string
}

/** Optional properties of an error. */
export interface ChatErrorOptions {
  /** All violated rules. Used for `validation_failed`. */
  readonly errors?: readonly Violation[]
  /** Time in milliseconds that the client should wait before it tries again. */
  readonly retryAfterMs?: number
  /** When a mute or a ban ends, in milliseconds since the epoch. */
  readonly until?: number
  /** Members that are added to the problem document, for example the `challenge` of a login. Not sent in `error` frames. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/**
 * Thrown for every expected error. `detail` describes what the client can do. It is sent to the client unchanged, so it must not
 * contain a secret, the text of a message, or internals.
 */
export class ChatError extends Error {
  readonly code: ErrorCode
  readonly errors: readonly Violation[] | undefined
  readonly retryAfterMs: number | undefined
  readonly until: number | undefined
  readonly extra: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, detail: string, options: ChatErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ChatError'
    this.code = code
    this.errors = options.errors
    this.retryAfterMs = options.retryAfterMs
    this.until = options.until
    this.extra = options.extra
  }

  /**
   * Returns the code that is sent to the client. It differs from `code` only for a ChatRejection, whose code the host chooses.
   */
  get word(): string {
    return this.code
  }

  /** Returns the HTTP status of the code. Fastify reads this property. */
  get statusCode(): number {
    return ERRORS[this.code].status
  }

  /** Returns the sentence for the client, which is also the error's `message`. */
  get detail(): string {
    return this.message
  }
}

/** Returns whether an error is a ChatError with this code. */
export const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof ChatError && error.code === code

/** Matches every error code, including the codes of a host application. */
export const CODE_PATTERN = '^[a-z][a-z0-9_.]{0,63}$'
const CODE = new RegExp(CODE_PATTERN)

/**
 * Thrown by a host's `beforeMessage` to reject a message. The sender receives a 403 over HTTP, or an `error` frame over the
 * WebSocket. The host chooses the `code`, which must have 1-64 characters of a-z, 0-9, "_" and "." and begin with a letter. The
 * `detail` is a sentence for the sender. The constructor throws a TypeError if the code is not valid.
 */
export class ChatRejection extends ChatError {
  readonly #word: string

  constructor(code: string, detail: string) {
    if (!CODE.test(code))
      throw new TypeError(
        'The code of a ChatRejection must begin with a-z and have 1-64 characters of a-z, 0-9, "_" and ".", as in "no_links".'
      )
    super('rejected', detail)
    this.name = 'ChatRejection'
    this.#word = code
  }

  override get word(): string {
    return this.#word
  }
}
