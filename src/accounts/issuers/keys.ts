/**
 * Keeps the keys of an issuer: fetches them periodically and for an unknown `kid`, and continues with the last ones while the issuer
 * does not respond.
 */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import { badToken } from '../tokens/access-tokens.ts'
import type { Algorithm, IssuerKey } from './key-set.ts'

export interface IssuerKeysOptions {
  /** Fetches the keys. */
  readonly load: () => Promise<readonly IssuerKey[]>
  readonly clock: Clock
  readonly log: Log
}

export interface IssuerKeys {
  /** Changes whenever keys were fetched, so that a token that was verified with earlier keys is verified again. */
  readonly version: number
  /** Whether the keys may be used: they were fetched, and no outage of more than an hour has begun since. */
  isUsable(): boolean
  /**
   * Returns the keys that may have signed a token. Throws `invalid_token` if there are none, and `unavailable` if the keys cannot
   * be fetched.
   */
  find(kid: string | undefined, algorithm: Algorithm): Promise<readonly IssuerKey[]>
  /**
   * Returns the keys that may have signed a token without `kid` that none of the keys with this version verifies. Fetches them if
   * they are still the same, at most once a minute. Returns nothing if there are no other keys, and throws `unavailable` if they
   * cannot be fetched.
   */
  findNewer(version: number, algorithm: Algorithm): Promise<readonly IssuerKey[]>
  /** Stops fetching keys periodically. */
  stop(): void
}

/** Interval in milliseconds at which the age of the keys is checked. While the issuer does not respond, it is asked again. */
const CHECK_MS = 60_000
/** Age in milliseconds after which keys are fetched again, so that a key that the issuer removed is not accepted for long. */
const MAX_AGE_MS = 5 * 60_000
/** Minimum time in milliseconds between two fetches for unknown keys. */
const UNKNOWN_MS = 60_000
/** Minimum time in milliseconds between two fetches for tokens while there are no usable keys. */
const RETRY_MS = 5000
/** How long the last keys are used while the issuer does not respond, in milliseconds. */
const OUTAGE_MS = 60 * 60_000

export const createIssuerKeys = ({ load, clock, log }: IssuerKeysOptions): IssuerKeys => {
  let keys: readonly IssuerKey[] | undefined
  let version = 0
  let loadedAt = Number.NEGATIVE_INFINITY
  let triedAt = Number.NEGATIVE_INFINITY
  let unknownAt = Number.NEGATIVE_INFINITY
  let failedSince: number | undefined
  let loading: Promise<void> | undefined

  const fetchKeys = async (): Promise<void> => {
    triedAt = clock.monotonic()
    try {
      const fetched = await load()
      if (fetched.length === 0) throw new Error('The issuer has no key for RS256, ES256 or EdDSA.')
      keys = fetched
      version++
      loadedAt = clock.monotonic()
      failedSince = undefined
    } catch (err) {
      failedSince ??= clock.monotonic()
      log.warn({ err }, 'failed to fetch the keys of AUTH_ISSUER; retrying')
    }
  }

  /** Fetches the keys, or waits for a fetch that is in progress. */
  const refresh = (): Promise<void> => {
    loading ??= fetchKeys().finally(() => {
      loading = undefined
    })
    return loading
  }

  const isUsable = (): boolean =>
    keys !== undefined && (failedSince === undefined || clock.monotonic() - failedSince < OUTAGE_MS)

  const matching = (kid: string | undefined, algorithm: Algorithm): IssuerKey[] =>
    (keys ?? []).filter(key => key.algorithm === algorithm && (kid === undefined || key.kid === kid))

  const refreshForUnknown = async (): Promise<void> => {
    const now = clock.monotonic()
    if (now - unknownAt < UNKNOWN_MS) return loading
    unknownAt = now
    return refresh()
  }

  const requireKeys = async (): Promise<void> => {
    if (isUsable()) return
    if (loading || clock.monotonic() - triedAt >= RETRY_MS) await refresh()
    if (!isUsable()) throw unavailable()
  }

  const stop = clock.every(CHECK_MS, () => {
    // A service that has seen no token of the issuer yet does not need its keys.
    const isDue = failedSince !== undefined || clock.monotonic() - loadedAt >= MAX_AGE_MS
    if (triedAt !== Number.NEGATIVE_INFINITY && isDue) void refresh()
  })

  return {
    get version() {
      return version
    },
    isUsable,
    async find(kid, algorithm) {
      await requireKeys()
      const known = matching(kid, algorithm)
      if (known.length > 0) return known
      if (keys?.some(key => key.kid === kid)) throw badToken()
      await refreshForUnknown()
      const found = matching(kid, algorithm)
      if (found.length > 0) return found
      throw failedSince === undefined ? badToken() : unavailable()
    },
    async findNewer(tried, algorithm) {
      if (version === tried) await refreshForUnknown()
      if (version !== tried) return matching(undefined, algorithm)
      if (failedSince !== undefined) throw unavailable()
      return []
    },
    stop
  }
}

const unavailable = (): ChatError =>
  new ChatError(
    'unavailable',
    'Your token cannot be checked right now, because its issuer does not respond. Try again.',
    {
      retryAfterMs: RETRY_MS
    }
  )
