/**
 * Limits how long a connection may last. A connection with the subprotocol `chat.v1` ends when its token expires. A connection
 * without the subprotocol ends after `legacyLifetimeMs`, whether its token expires earlier or later. If `legacyLifetimeMs` is
 * 0, such a connection also ends when its token expires.
 */
import type { Clock } from '../../lib/clock.ts'

export interface LifetimeOptions {
  readonly clock: Clock
  readonly hasChatV1: boolean
  /** Expiry of the token, in milliseconds since the epoch (wall clock). */
  readonly expiresAt: number
  /** Maximum duration in milliseconds of a connection without `chat.v1`. If 0, the connection ends when its token expires. */
  readonly legacyLifetimeMs: number
}

export class Lifetime {
  readonly #clock: Clock
  /** The monotonic time in milliseconds at which the connection ends, or undefined if it ends when its token expires. */
  readonly #legacyEnd: number | undefined
  #expiresAt = 0
  #goodUntil = 0

  /** Creates the lifetime of a connection that opens now. */
  constructor({ clock, hasChatV1, legacyLifetimeMs, expiresAt }: LifetimeOptions) {
    this.#clock = clock
    if (!hasChatV1 && legacyLifetimeMs > 0) this.#legacyEnd = clock.monotonic() + legacyLifetimeMs
    this.renew(expiresAt)
  }

  /** True if the connection must end now. */
  get isOver(): boolean {
    const now = this.#clock.monotonic()
    if (this.#legacyEnd !== undefined) return now >= this.#legacyEnd
    // If the wall clock is set forward, the connection ends early, because HTTP requests with the token are then rejected, too.
    // If the wall clock is set back, the connection ends on time, because the monotonic clock does not change.
    return now >= this.#goodUntil || this.#clock.now() >= this.#expiresAt
  }

  /** Applies the expiry of a new token. `expiresAt` is in milliseconds since the epoch (wall clock). */
  renew(expiresAt: number): void {
    this.#expiresAt = expiresAt
    this.#goodUntil = this.#clock.monotonic() + expiresAt - this.#clock.now()
  }
}
