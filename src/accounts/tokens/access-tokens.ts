/** Issues and verifies access tokens (JWT, RFC 7519) with @fastify/jwt. The only algorithm is HS256. */
import { randomUUID } from 'node:crypto'
import { LruMap } from 'toad-cache'
import type { UserRecord } from '../../db/repositories/users.ts'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccessToken } from '../../protocol/http/users.ts'
import { type AccessClaims, createSecretRing, readClaims, type SecretRing } from './claims.ts'

/** The methods of @fastify/jwt that are used. */
export interface Jwt {
  sign(claims: object, options: { key: string; kid: string; algorithm: 'HS256' }): string
  verify(token: string, options: object): unknown
  decode(token: string, options: { complete: true }): unknown
}

export interface AccessTokensOptions {
  readonly jwt: Jwt
  readonly clock: Clock
  /** The secret that signs tokens. It has at least 32 characters. */
  readonly secretKey: string
  /** Earlier secrets, which are kept for verification after a rotation. */
  readonly secretKeyPrevious: readonly string[]
  /** The `aud` claim. Tokens of another audience are rejected. */
  readonly audience: string
  /** Lifetime of a token, in seconds. */
  readonly lifetime: number
}

/** The session that a token is issued for. */
export interface TokenSession {
  readonly id: string
  /** The number of the refresh token that is issued with the access token. */
  readonly refreshNumber?: number | undefined
  /** Time in milliseconds until the session ends. The token does not expire later than the session. */
  readonly endsInMs?: number | undefined
}

export interface AccessTokens {
  /** Lifetime of a token, in seconds. */
  readonly lifetime: number

  /** Issues a token for a user, and for `session` if given. */
  issue(user: Pick<UserRecord, 'id' | 'username' | 'generation'>, session?: TokenSession): AccessToken
  /** Returns the claims of a token. Throws `invalid_token` or `token_expired`, and no other error. */
  verify(token: string): AccessClaims
}

/** Maximum number of verified tokens that are cached. Each needs about 400 bytes. */
const MAX_VERIFIED = 10_000

export const createAccessTokens = (options: AccessTokensOptions): AccessTokens => {
  const { jwt, clock, secretKey, secretKeyPrevious, audience, lifetime } = options
  const ring = createSecretRing({ current: secretKey, previous: [...secretKeyPrevious] })
  // A verified signature stays valid, so for a cached token only the expiry is checked.
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
    lifetime,
    issue(
      { id: uid, username: sub, generation: gen },
      { id: sid, refreshNumber: rtn, endsInMs }: Partial<TokenSession> = {}
    ) {
      const iat = Math.floor(clock.now() / 1000)
      const expires_in =
        endsInMs === undefined ? lifetime : Math.max(1, Math.min(lifetime, Math.floor(endsInMs / 1000)))
      const session = { ...(sid === undefined ? {} : { sid }), gen, ...(rtn === undefined ? {} : { rtn }) }
      const claims = { sub, uid, jti: randomUUID(), iat, exp: iat + expires_in, aud: audience, ...session }
      const access_token = jwt.sign(claims, { key: ring.current.secret, kid: ring.current.kid, algorithm: 'HS256' })
      return { access_token, token_type: 'bearer', expires_in }
    },
    verify(token) {
      const known = verified.get(token)
      if (known && clock.now() < known.exp * 1000) return known
      try {
        const claims = firstGood(candidates(ring, kidOf(jwt, token)), secret => verifyWith(token, secret))
        verified.set(token, claims)
        return claims
      } catch (error) {
        // Every error of @fastify/jwt results in a 401, regardless of its class or code.
        throw isExpiry(error) ? new ChatError('token_expired', 'The token has expired. Log in again.') : badToken()
      }
    }
  }
}

/** Returns the error for an invalid token. The error does not reveal why the token is invalid. */
export const badToken = (): ChatError => new ChatError('invalid_token', 'The token is not valid here. Log in again.')

const kidOf = (jwt: Jwt, token: string): string | undefined => {
  const decoded = jwt.decode(token, { complete: true }) as { header: { kid?: unknown } } | null
  const kid = decoded?.header.kid
  if (kid !== undefined && typeof kid !== 'string') throw badToken()
  return kid
}

/** Returns the secrets to try: the secret with this `kid`, or all secrets if the token has no `kid`. */
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
      // An expiry error means that the signature matched this secret. The error for a later secret must not replace the expiry
      // error.
      if (!isExpiry(failure)) failure = error
    }
  }
  throw failure ?? badToken()
}

const isExpiry = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'FAST_JWT_EXPIRED'
