/** Verifies access tokens of another issuer (RFC 9068, or JWT in general) with the keys that the issuer publishes. */
import { createHash } from 'node:crypto'
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { badToken } from '../tokens/access-tokens.ts'
import { claimsOf, type IssuerClaims, LEEWAY_SECONDS, refuseOtherTokens } from './claims.ts'
import type { Jose, Payload } from './jose.ts'
import { ALGORITHMS, type Algorithm, type IssuerKey } from './key-set.ts'
import type { IssuerKeys } from './keys.ts'

export interface IssuerTokensOptions {
  readonly jose: Pick<Jose, 'decodeProtectedHeader' | 'jwtVerify'>
  readonly keys: IssuerKeys
  readonly clock: Clock
  /** The `iss` claim. */
  readonly issuer: string
  /** A value that the `aud` claim must equal or contain. */
  readonly audience: string
  /** The claim from which the username of a new user is derived. */
  readonly nameClaim: string
}

export interface IssuerTokens {
  /** Returns whether the `iss` claim of a token names this issuer. The token is not verified. */
  names(token: string): boolean
  /**
   * Verifies a token and returns its claims. Throws `invalid_token`, `token_expired`, or `unavailable` if the keys of the
   * issuer cannot be fetched. Synchronous if the result is cached.
   */
  verify(token: string): IssuerClaims | Promise<IssuerClaims>
}

/** Maximum number of verified tokens that are cached. Each needs about 500 bytes. */
const MAX_VERIFIED = 10_000
/** Maximum length of a token in characters. A longer token does not fit into the headers of a request. */
const MAX_TOKEN = 16 * 1024
/** Maximum number of keys that are tried for a token without `kid`. */
const MAX_TRIED = 8

export const createIssuerTokens = (options: IssuerTokensOptions): IssuerTokens => {
  const { jose, keys, clock, issuer, audience, nameClaim } = options
  // The cache contains hashes instead of tokens, because the tokens of other issuers may be several kilobytes long.
  const verified = new LruMap<{ readonly claims: IssuerClaims; readonly version: number }>(MAX_VERIFIED)

  const payloadOf = async (token: string, key: object, algorithm: Algorithm): Promise<Payload> => {
    const { payload } = await jose.jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer,
      audience,
      requiredClaims: ['iss', 'aud', 'exp', 'sub'],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(clock.now())
    })
    return payload
  }

  /** Returns the claims of a token, or undefined if none of the keys verifies the token. */
  const payloadWith = async (
    candidates: readonly IssuerKey[],
    token: string,
    algorithm: Algorithm
  ): Promise<Payload | undefined> => {
    for (const { key } of candidates.slice(0, MAX_TRIED)) {
      const payload = await payloadOf(token, key, algorithm).catch(failure)
      if (payload) return payload
    }
    return undefined
  }

  const verifyNow = async (token: string, hash: string): Promise<IssuerClaims> => {
    const { kid, algorithm } = headerOf(jose, token)
    const candidates = await keys.find(kid, algorithm)
    let { version } = keys
    let payload = await payloadWith(candidates, token, algorithm)
    if (!payload && kid === undefined) {
      // A token without `kid` does not name its key. So newer keys are tried when none of the known keys verifies the token.
      const newer = await keys.findNewer(version, algorithm)
      version = keys.version
      payload = await payloadWith(newer, token, algorithm)
    }
    if (!payload) throw badToken()
    refuseOtherTokens(payload)
    const claims = claimsOf(payload, nameClaim)
    verified.set(hash, { claims, version })
    return claims
  }

  return {
    names: token => token.length <= MAX_TOKEN && issuerOf(token) === issuer,
    verify(token) {
      const hash = createHash('sha256').update(token).digest('base64')
      const known = verified.get(hash)
      const isCurrent = known?.version === keys.version && keys.isUsable()
      return known && isCurrent && clock.now() < known.claims.expiresAt ? known.claims : verifyNow(token, hash)
    }
  }
}

/** Returns the `iss` claim of a token that has not been verified. */
const issuerOf = (token: string): unknown => {
  try {
    const [, payload = ''] = token.split('.', 2)
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')).iss
  } catch {
    return undefined
  }
}

/**
 * Values of the header `typ` that are accepted. Some issuers use `jwt` for ID tokens too, so `refuseOtherTokens` rejects ID
 * tokens by their claims.
 */
const TYPES: ReadonlySet<unknown> = new Set(['at+jwt', 'application/at+jwt', 'jwt'])

const headerOf = ({ decodeProtectedHeader }: Pick<Jose, 'decodeProtectedHeader'>, token: string) => {
  const { typ, alg, kid } = decoded(() => decodeProtectedHeader(token))
  const algorithm = ALGORITHMS.find(one => one === alg)
  const hasType = typeof typ === 'string' && TYPES.has(typ.toLowerCase())
  if (!hasType || !algorithm || !(kid === undefined || typeof kid === 'string')) throw badToken()
  return { kid, algorithm }
}

const decoded = (decode: () => Payload): Payload => {
  try {
    return decode()
  } catch {
    throw badToken()
  }
}

/**
 * Throws `token_expired` if the token has expired. In this case the signature matched the key, so no other key is tried.
 * Returns undefined for any other error, so that the next key is tried.
 */
const failure = (error: unknown): undefined => {
  if (Object(error).code !== 'ERR_JWT_EXPIRED') return undefined
  throw new ChatError('token_expired', 'The token has expired. Get a new one from its issuer.')
}
