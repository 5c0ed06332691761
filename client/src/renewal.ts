/** Keeps a live connection's token fresh: asks the app for another before it expires, and hands it over in an `auth` frame. */
import { PASSING } from './errors.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Frame } from './socket.ts'
import type { Tokens } from './tokens.ts'

/** A token is replaced so long before its end, or at half of its life if that is later. Milliseconds. */
const AHEAD_MS = 60_000
/** A renewed token is kept for so long: a service whose wall clock was set back seems to give one that is over already. */
const AT_LEAST_MS = 10_000
const REF = 'auth'

export interface RenewalOptions {
  readonly tokens: Tokens
  readonly timers: Timers
  readonly send: (frame: ClientFrame) => void
  readonly onError: (error: Error) => void
  /** The new token is another person's. */
  readonly onWrongUser: (detail: string) => void
}

export interface Renewal {
  /** Begins with a connection's first frame. */
  start(greeting: Frame): void
  /** Answers whether the frame was an answer to `auth`. */
  hear(frame: Frame): boolean
  stop(): void
}

export const createRenewal = ({ tokens, timers, send, onError, onWrongUser }: RenewalOptions): Renewal => {
  let cancel = () => {}
  let run = 0
  /** Our monotonic clock minus the service's wall clock. */
  let skew = 0

  const plan = (expiresAt: unknown, atLeast: number): void => {
    const endsAt = Date.parse(String(expiresAt)) + skew
    if (Number.isNaN(endsAt)) return
    tokens.goodUntil(endsAt)
    const left = endsAt - timers.monotonic()
    later(Math.max(left / 2, left - AHEAD_MS, atLeast), endsAt)
  }

  const later = (ms: number, endsAt: number): void => {
    cancel()
    const mine = run
    cancel = timers.after(Math.max(ms, 0), () => void renew(endsAt, () => mine === run))
  }

  const renew = async (endsAt: number, isCurrent: () => boolean): Promise<void> => {
    try {
      const token = await tokens.renewed()
      if (!isCurrent()) return
      if (token !== undefined) return send({ type: 'auth', token, ref: REF })
    } catch (error) {
      if (!isCurrent()) return
      onError(error instanceof Error ? error : new Error(String(error)))
    }
    // No other token yet: asked for again, until the service ends the connection.
    const left = endsAt - timers.monotonic()
    if (left > 0) later(Math.max(left / 4, 1000), endsAt)
  }

  const resend = (): void => {
    cancel()
    cancel = timers.after(1000, () => {
      if (tokens.current !== undefined) send({ type: 'auth', token: tokens.current, ref: REF })
    })
  }

  return {
    start({ server_time, expires_at }) {
      run++
      const serverTime = Date.parse(String(server_time))
      skew = timers.monotonic() - (Number.isNaN(serverTime) ? timers.now() : serverTime)
      plan(expires_at, 0)
    },
    hear(frame) {
      if (frame.type === 'authenticated') plan(frame.expires_at, AT_LEAST_MS)
      if (frame.type !== 'error' || frame.ref !== REF) return frame.type === 'authenticated'
      if (PASSING.includes(String(frame.code))) resend()
      else tokens.refuse()
      if (frame.code === 'wrong_user') onWrongUser(String(frame.detail))
      return true
    },
    stop() {
      run++
      cancel()
    }
  }
}
