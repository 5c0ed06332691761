/**
 * Limits how long a connection may last: until its token expires, or, for a client without `chat.v1`, as long as the operator
 * configured, whatever its token says.
 */
import type { Clock } from '../../lib/clock.ts'

export interface Lifetime {
  /** Returns whether the connection must end now. */
  readonly isOver: boolean
  /** Applies a new token; `expiresAt` is in wall-clock time. */
  renew(expiresAt: number): void
}

export interface LifetimeOptions {
  readonly clock: Clock
  readonly hasChatV1: boolean
  /** Sets when the token expires, in wall-clock time. */
  readonly expiresAt: number
  /** Limits a client without `chat.v1`, in milliseconds; 0 until its token expires. */
  readonly legacyLifetimeMs: number
}

/** Creates a connection's lifetime, which starts now. */
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
      // set back must not extend it.
      return clock.monotonic() >= goodUntil || clock.now() >= expiresAt
    },
    renew
  }
}
