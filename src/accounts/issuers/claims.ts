/** Reads the claims of a verified token of another issuer, and rejects tokens that are no access tokens. */
import { badToken } from '../tokens/access-tokens.ts'
import type { Payload } from './jose.ts'

/** The person in a token. */
export interface Person {
  /** The `sub` claim, which identifies the person at the issuer and never changes. */
  readonly subject: string
  /** When the token was issued, in milliseconds since the epoch. 0 if the token does not say so. */
  readonly issuedAt: number
  /** When the person logged in at the issuer, or when the token was issued if it does not say so. In milliseconds since the epoch. */
  readonly authenticatedAt: number
  /** The claim with a name, which need not be a valid or free username. */
  readonly name: unknown
  /** When the token is no longer accepted, in milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Seconds for which a token is accepted before its `nbf` and after its `exp`, because clocks differ. */
export const LEEWAY_SECONDS = 60

/** The end of the year 9999, the last time that timestamps can show. */
const MAX_SECONDS = 253_402_300_799 - LEEWAY_SECONDS
/** Maximum length of a subject (OpenID Connect Core 1.0, section 2). */
const MAX_SUBJECT = 255
const MAX_NAME = 200

/** Returns the person in a token. Throws `invalid_token` for values that cannot be stored. */
export const personOf = (payload: Payload, nameClaim: string): Person => {
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

/** Claims that only ID tokens have (OpenID Connect Core 1.0), and only logout tokens. */
const OTHER_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']
/** The claim `typ` of Keycloak's tokens that are no access tokens. */
const OTHER_TYPES: ReadonlySet<unknown> = new Set(['id', 'refresh', 'offline', 'logout'])

/** Throws `invalid_token` for ID tokens, refresh tokens and logout tokens, which the same keys sign. */
export const refuseOtherTokens = (payload: Payload): void => {
  const { typ, token_use: use } = payload
  const isOther =
    OTHER_CLAIMS.some(claim => payload[claim] !== undefined) ||
    (typeof typ === 'string' && OTHER_TYPES.has(typ.toLowerCase())) ||
    // Amazon Cognito.
    (use !== undefined && use !== 'access')
  if (isOther) throw badToken()
}
