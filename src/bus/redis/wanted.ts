/** Decides whether this process must also send over PostgreSQL, because another process has requested it. */
import type { Clock } from '../../lib/clock.ts'
import type { readEnvelope } from '../envelope.ts'

export interface Wanted {
  readonly isActive: boolean
  /** Called with each payload of another process that arrived over PostgreSQL. */
  notice(envelope: NonNullable<ReturnType<typeof readEnvelope>>): void
}

/**
 * Time in milliseconds for which a request applies: three heartbeat intervals. The start of this process counts as a request.
 */
const WANTED_MS = 15_000

/** Returns whether a payload comes from a process, and not from a trigger or from a transaction of a host application. */
const isOfProcess = (from: string): boolean => from !== 'database' && !from.endsWith('/transaction')

export const createWanted = (clock: Pick<Clock, 'monotonic'>): Wanted => {
  let until = clock.monotonic() + WANTED_MS
  return {
    get isActive() {
      return clock.monotonic() < until
    },
    notice({ from, n, sent, want_postgres }) {
      // Each payload of a process with Redis contains `n`, or `sent` in a heartbeat. A process without Redis sends neither, so
      // this process must send over PostgreSQL too.
      const hasRedis = n !== undefined || sent !== undefined || !isOfProcess(from)
      if (want_postgres === true || !hasRedis) until = clock.monotonic() + WANTED_MS
    }
  }
}
