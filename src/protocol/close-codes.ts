/**
 * Lists the WebSocket close codes (RFC 6455, 7.4), and what a client should do after each of them; see docs/protocol.md. After
 * 41xx, a client should reconnect and resume. After 44xx, a client should reconnect only when the cause is removed, for example
 * with a new token.
 */

/** Describes a close code: the number, the reason in the close frame, and what a client should do. */
export interface CloseCode {
  readonly code: number
  readonly reason: string
  readonly advice: string
}

/**
 * Lists every close code that the service sends, and 4400, which is reserved for protocol errors. The library `ws` itself sends
 * 1002, 1007, 1008 and 1009 for a frame that it cannot read. These close frames have no reason.
 */
export const CLOSE = {
  malformedFrame: { code: 1002, reason: 'malformed frame', advice: 'Fix the client.' },
  invalidText: { code: 1007, reason: 'text that is not UTF-8', advice: 'Fix the client.' },
  tooManyFragments: {
    code: 1008,
    reason: 'too many fragments',
    advice: 'Send each frame of the chat in fewer WebSocket fragments.'
  },
  frameTooBig: { code: 1009, reason: 'frame too big', advice: 'Send smaller frames.' },
  internalError: { code: 1011, reason: 'internal error', advice: 'Reconnect with jitter.' },
  restart: { code: 1012, reason: 'service restart', advice: 'Reconnect with jitter.' },
  tryLater: { code: 1013, reason: 'try again later', advice: 'Reconnect with jitter.' },
  tooSlow: { code: 4108, reason: 'too slow to read', advice: 'Reconnect and resume.' },
  tooManyConnections: {
    code: 4109,
    reason: 'too many connections',
    advice: 'Close another connection, then reconnect.'
  },
  flooding: { code: 4129, reason: 'flooding', advice: 'Reconnect after retry_after_ms and send less.' },
  protocolError: { code: 4400, reason: 'protocol error', advice: 'Fix the client.' },
  tokenExpired: { code: 4401, reason: 'token expired or revoked', advice: 'Log in again, then reconnect.' },
  notAllowed: { code: 4403, reason: 'not allowed', advice: 'Do not reconnect without a change.' }
} as const satisfies Record<string, CloseCode>
