/**
 * Renews the token of an open connection. Gets a new token from the app before the current one expires, and sends the new token
 * in an `auth` frame.
 */
import { TEMPORARY_ERRORS } from './errors.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Frame } from './socket.ts'
import type { Tokens } from './tokens.ts'

/** A token is renewed this many milliseconds before it expires, or after half of its remaining time, whichever is later. */
const AHEAD_MS = 60_000
/**
 * Minimum time in milliseconds between renewals. If the service's wall clock was set back, even a new token seems to have
 * expired. Without the minimum, the client would renew such a token again and again without a pause.
 */
const AT_LEAST_MS = 10_000
const REF = 'auth'

export interface RenewalOptions {
  readonly tokens: Tokens
  readonly timers: Timers
  readonly send: (frame: ClientFrame) => void
  readonly onError: (error: Error) => void
  /** Called when the new token belongs to another user. */
  readonly onWrongUser: (detail: string) => void
}

export interface Renewal {
  /** Schedules the renewal. `greeting` is the first frame of a connection. */
  start(greeting: Frame): void
  /** Handles the response to an `auth` frame. Returns false for any other frame. */
  handle(frame: Frame): boolean
  stop(): void
}

export const createRenewal = ({ tokens, timers, send, onError, onWrongUser }: RenewalOptions): Renewal => {
  let cancel = () => {}
  let run = 0
  /** The client's monotonic clock minus the service's wall clock, in milliseconds. */
  let skew = 0

  const plan = (expiresAt: unknown, atLeast: number): void => {
    const endsAt = Date.parse(String(expiresAt)) + skew
    if (Number.isNaN(endsAt)) return
    tokens.setExpiry(endsAt)
    const left = endsAt - timers.monotonic()
    schedule(Math.max(left / 2, left - AHEAD_MS, atLeast), endsAt)
  }

  const schedule = (ms: number, endsAt: number): void => {
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
    // The app has no new token yet, or its callback failed. Retries until the current token expires. The service then closes the
    // connection.
    const left = endsAt - timers.monotonic()
    if (left > 0) schedule(Math.max(left / 4, 1000), endsAt)
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
    handle(frame) {
      if (frame.type === 'authenticated') plan(frame.expires_at, AT_LEAST_MS)
      if (frame.type !== 'error' || frame.ref !== REF) return frame.type === 'authenticated'
      if (TEMPORARY_ERRORS.includes(String(frame.code))) resend()
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
