/**
 * The one catalogue of WebSocket close codes (RFC 6455, 7.4): what each tells the client to do; see PROTOCOL "Close codes".
 * 41xx: come back and resume. 44xx: not without a change.
 */

/** One close code: the number, the reason sent with it, and what a client should do. */
export interface CloseCode {
  readonly code: number
  readonly reason: string
  readonly advice: string
}

/**
 * Every close code that the service sends. `ws` itself sends 1002, 1007, 1008 and 1009 for what it cannot read, without the
 * reason.
 */
export const CLOSE = {
  malformedFrame: { code: 1002, reason: 'malformed frame', advice: 'Correct the client.' },
  invalidText: { code: 1007, reason: 'text that is not UTF-8', advice: 'Correct the client.' },
  tooManyFragments: { code: 1008, reason: 'frame in too many pieces', advice: 'Send a frame in fewer pieces.' },
  frameTooBig: { code: 1009, reason: 'frame too big', advice: 'Send smaller frames.' },
  internalError: { code: 1011, reason: 'internal error', advice: 'Come back after a random wait.' },
  restart: { code: 1012, reason: 'service restart', advice: 'Come back after a random wait.' },
  tryLater: { code: 1013, reason: 'try again later', advice: 'Come back after a random wait.' },
  tooSlow: { code: 4108, reason: 'too slow to read', advice: 'Come back and resume.' },
  tooManyConnections: {
    code: 4109,
    reason: 'too many connections',
    advice: 'Close another connection, then come back.'
  },
  flooding: { code: 4129, reason: 'flooding', advice: 'Come back after retry_after_ms and send less.' },
  protocolError: { code: 4400, reason: 'protocol error', advice: 'Correct the client.' },
  tokenExpired: { code: 4401, reason: 'token expired or revoked', advice: 'Log in again, then come back.' },
  notAllowed: { code: 4403, reason: 'not allowed', advice: 'Do not come back without a change.' }
} as const satisfies Record<string, CloseCode>
