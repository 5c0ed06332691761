/**
 * Limits how long a connection may last. With the subprotocol `chat.v1`, it ends when its token expires. Without it, it ends
 * after `legacyLifetimeMs`, even if the token expires earlier or later. If `legacyLifetimeMs` is 0, the expiry of the token
 * applies to both.
 */
import type { Clock } from '../../lib/clock.ts'

export interface Lifetime {
  /** True if the connection must end now. */
  readonly isOver: boolean
  /** Applies the expiry of a new token. `expiresAt` is wall-clock time, in milliseconds since the epoch. */
  renew(expiresAt: number): void
}

export interface LifetimeOptions {
  readonly clock: Clock
  readonly hasChatV1: boolean
  /** When the token expires: wall-clock time, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** How long a client without `chat.v1` may stay connected, in milliseconds. If it is 0, until the token expires. */
  readonly legacyLifetimeMs: number
}

/** Creates the lifetime of a connection that opens now. */
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
      // Both clocks are checked. If the wall clock is set forward, the token expires early, as it does over HTTP. If it is set
      // back, the monotonic clock keeps it from extending the connection.
      return clock.monotonic() >= goodUntil || clock.now() >= expiresAt
    },
    renew
  }
}
