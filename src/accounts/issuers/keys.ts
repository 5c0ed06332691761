/**
 * Caches the keys of an issuer. Fetches them periodically, and for an unknown `kid`. While the issuer does not respond, keeps
 * using the last keys.
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
  /** Changes whenever keys were fetched. A token that was verified with keys of an earlier version is then verified again. */
  readonly version: number
  /**
   * Returns whether keys can be used. Keys cannot be used before the first successful fetch, or after fetches have failed for
   * an hour.
   */
  isUsable(): boolean
  /**
   * Returns the keys that may have signed a token. Throws `invalid_token` if there are no such keys, and `unavailable` if the
   * keys cannot be fetched.
   */
  find(kid: string | undefined, algorithm: Algorithm): Promise<readonly IssuerKey[]>
  /**
   * Returns the keys that may have signed a token without `kid`, if their version is newer than `version`. If there is no newer
   * version yet, fetches the keys first, at most once a minute. Returns an empty list if there is no newer version afterwards.
   * Throws `unavailable` if the keys cannot be fetched.
   */
  findNewer(version: number, algorithm: Algorithm): Promise<readonly IssuerKey[]>
  /** Stops fetching keys periodically. */
  stop(): void
}

/**
 * Interval in milliseconds at which the age of the keys is checked. If the last fetch failed, keys are fetched again at this
 * interval.
 */
const CHECK_MS = 60_000
/**
 * Age in milliseconds after which keys are fetched again. It limits how long a key is accepted after the issuer has removed it.
 */
const MAX_AGE_MS = 5 * 60_000
/** Minimum time in milliseconds between two fetches for unknown keys. */
const UNKNOWN_MS = 60_000
/** Minimum time in milliseconds between two fetches while no key is usable. Otherwise, every token would trigger a fetch. */
const RETRY_MS = 5000
/** Maximum time in milliseconds for which the last keys are used while fetches fail. */
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
    // The timer fetches no keys until the first token has triggered a fetch, because no keys are needed before that token.
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
