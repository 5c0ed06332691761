/** Issues and verifies access tokens (JWT, RFC 7519), HS256 only. The signing itself is @fastify/jwt's. */
import { randomUUID } from 'node:crypto'
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccessToken } from '../../protocol/http/users.ts'
import { type AccessClaims, createSecretRing, readClaims, type SecretRing } from './claims.ts'

/** What of @fastify/jwt is used. */
export interface Jwt {
  sign(claims: object, options: { key: string; kid: string; algorithm: 'HS256' }): string
  verify(token: string, options: object): unknown
  decode(token: string, options: { complete: true }): unknown
}

export interface AccessTokensOptions {
  readonly jwt: Jwt
  readonly clock: Clock
  /** The secret that signs, 32 characters or more. */
  readonly secretKey: string
  /** Secrets that still verify. */
  readonly secretKeyPrevious: readonly string[]
  /** The `aud` of our tokens: another instance's are refused. */
  readonly audience: string
  /** In seconds. */
  readonly lifetime: number
}

/** Access tokens, as the accounts use them. */
export interface AccessTokens {
  issue(user: { readonly id: number; readonly username: string }): AccessToken
  /** Throws `invalid_token` or `token_expired`, and nothing else. */
  verify(token: string): AccessClaims
}

/** How many verified tokens are remembered; some 400 bytes each. */
const MAX_VERIFIED = 10_000

/** Makes them. */
export const createAccessTokens = (options: AccessTokensOptions): AccessTokens => {
  const { jwt, clock, secretKey, secretKeyPrevious, audience, lifetime } = options
  const ring = createSecretRing({ current: secretKey, previous: [...secretKeyPrevious] })
  // A signature stays good: only the time is asked again.
  const verified = new LruMap<AccessClaims>(MAX_VERIFIED)

  const verifyWith = (token: string, secret: string): AccessClaims =>
    readClaims(
      jwt.verify(token, {
        key: secret,
        algorithms: ['HS256'],
        allowedAud: audience,
        requiredClaims: ['sub', 'uid', 'jti', 'iat', 'exp', 'aud'],
        clockTimestamp: clock.now()
      })
    )

  return {
    issue({ id: uid, username: sub }) {
      const iat = Math.floor(clock.now() / 1000)
      const claims = { sub, uid, jti: randomUUID(), iat, exp: iat + lifetime, aud: audience }
      const access_token = jwt.sign(claims, { key: ring.current.secret, kid: ring.current.kid, algorithm: 'HS256' })
      return { access_token, token_type: 'bearer', expires_in: lifetime }
    },
    verify(token) {
      const known = verified.get(token)
      if (known && clock.now() < known.exp * 1000) return known
      try {
        const claims = firstGood(candidates(ring, kidOf(jwt, token)), secret => verifyWith(token, secret))
        verified.set(token, claims)
        return claims
      } catch (error) {
        // Whatever the library found wrong, and however it calls it, the answer is a 401.
        throw isExpiry(error) ? new ChatError('token_expired', 'The token has expired. Log in again.') : badToken()
      }
    }
  }
}

/** What a token is refused with that can't be told more about. */
export const badToken = (): ChatError => new ChatError('invalid_token', 'The token is not valid here. Log in again.')

const kidOf = (jwt: Jwt, token: string): string | undefined => {
  const decoded = jwt.decode(token, { complete: true }) as { header: { kid?: unknown } } | null
  const kid = decoded?.header.kid
  if (kid !== undefined && typeof kid !== 'string') throw badToken()
  return kid
}

/** The secrets to try: the one that `kid` names, or all for a token that names none. */
const candidates = (ring: SecretRing, kid: string | undefined): string[] => {
  if (kid === undefined) return ring.all.map(({ secret }) => secret)
  const secret = ring.find(kid)
  return secret === undefined ? [] : [secret]
}

const firstGood = <T>(secrets: readonly string[], verify: (secret: string) => T): T => {
  let failure: unknown
  for (const secret of secrets) {
    try {
      return verify(secret)
    } catch (error) {
      // An expired token had the right secret; the next one's complaint would hide it.
      if (!isExpiry(failure)) failure = error
    }
  }
  throw failure ?? badToken()
}

const isExpiry = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'FAST_JWT_EXPIRED'
