/** Reads the claims of a verified token of another issuer, and rejects tokens that are not access tokens. */
import { badToken } from '../tokens/access-tokens.ts'
import type { Payload } from './jose.ts'

/** The claims of a token: who the person is, and the times of the token and of the login. */
export interface IssuerClaims {
  /** The `sub` claim. It identifies the person at the issuer and never changes. */
  readonly subject: string
  /** When the token was issued, in milliseconds since the epoch. 0 if the token contains no such time. */
  readonly issuedAt: number
  /**
   * When the person logged in at the issuer, in milliseconds since the epoch. Equals `issuedAt` if the token contains no such
   * time.
   */
  readonly authenticatedAt: number
  /** The value of the claim that contains a name. The name may be taken, or not valid as a username. */
  readonly name: unknown
  /** The time in milliseconds since the epoch after which the token is rejected. */
  readonly expiresAt: number
}

/** Seconds for which a token is accepted before its `nbf` and after its `exp`, because clocks differ. */
export const LEEWAY_SECONDS = 60

/** The latest `exp` that is accepted, in seconds since the epoch. Timestamps cannot represent a time after the year 9999. */
const MAX_SECONDS = 253_402_300_799 - LEEWAY_SECONDS
/** Maximum length of a subject (OpenID Connect Core 1.0, section 2). */
const MAX_SUBJECT = 255
const MAX_NAME = 200

/** Returns the claims of a verified token. Throws `invalid_token` for values that cannot be stored. */
export const claimsOf = (payload: Payload, nameClaim: string): IssuerClaims => {
  const { sub: subject, exp, iat, auth_time: authTime } = payload
  const isStorable = (value: unknown): value is string =>
    typeof value === 'string' && value.length > 0 && value.length <= MAX_SUBJECT && value.isWellFormed()
  // PostgreSQL cannot store a NUL character in text.
  if (!isStorable(subject) || subject.includes('\u0000')) throw badToken()
  if (typeof exp !== 'number' || exp > MAX_SECONDS) throw badToken()
  const name = payload[nameClaim]
  const issuedAt = typeof iat === 'number' ? iat * 1000 : 0
  return {
    subject,
    issuedAt,
    authenticatedAt: typeof authTime === 'number' ? authTime * 1000 : issuedAt,
    name: typeof name === 'string' ? name.slice(0, MAX_NAME) : undefined,
    expiresAt: (exp + LEEWAY_SECONDS) * 1000
  }
}

/** Claims that only ID tokens or logout tokens have (OpenID Connect Core 1.0). */
const OTHER_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']
/** Values of the claim `typ` in Keycloak's tokens that are not access tokens. */
const OTHER_TYPES: ReadonlySet<unknown> = new Set(['id', 'refresh', 'offline', 'logout'])

/**
 * Throws `invalid_token` for ID tokens, refresh tokens and logout tokens. The issuer signs them with the same keys as access
 * tokens.
 */
export const refuseOtherTokens = (payload: Payload): void => {
  const { typ, token_use: use } = payload
  const isOther =
    OTHER_CLAIMS.some(claim => payload[claim] !== undefined) ||
    (typeof typ === 'string' && OTHER_TYPES.has(typ.toLowerCase())) ||
    // Amazon Cognito names the type of a token in the claim `token_use`.
    (use !== undefined && use !== 'access')
  if (isOther) throw badToken()
}
