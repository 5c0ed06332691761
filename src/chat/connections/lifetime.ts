/**
 * How long a connection may last: until its token expires, or, for a client that doesn't speak `chat.v1`, for as long as the
 * operator decides, whatever its token says.
 */
import type { Clock } from '../../lib/clock.ts'

export interface Lifetime {
  /** Whether the connection must end now. */
  readonly isOver: boolean
  /** The connection has a new token; `expiresAt` in wall-clock time. */
  renew(expiresAt: number): void
}

export interface LifetimeOptions {
  readonly clock: Clock
  readonly hasChatV1: boolean
  /** When the token expires, in wall-clock time. */
  readonly expiresAt: number
  /** For a client that doesn't speak `chat.v1`, in milliseconds; 0 for its token's. */
  readonly legacyLifetimeMs: number
}

/** Creates a connection's lifetime, which begins now. */
export const createLifetime = ({ clock, hasChatV1, legacyLifetimeMs, ...token }: LifetimeOptions): Lifetime => {
  const openedAt = clock.monotonic()
  const outlivesToken = !hasChatV1 && legacyLifetimeMs > 0
  let expiresAt = 0
  let goodUntil = 0

  const renew = (at: number): void => {
    expiresAt = at
    goodUntil = clock.monotonic() + at - clock.now()
  }
  renew(token.expiresAt)

  return {
    get isOver() {
      if (outlivesToken) return clock.monotonic() >= openedAt + legacyLifetimeMs
      // A token ends at a point in time, so a wall clock that is set forward ends it early, as it does over HTTP. One that is
      // set back must not make it last longer.
      return clock.monotonic() >= goodUntil || clock.now() >= expiresAt
    },
    renew
  }
}
