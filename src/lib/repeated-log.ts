/** Logs a repeated line only once per interval, with a count. */
import { type Clock, systemClock } from './clock.ts'
import type { Log } from './logging.ts'

/** Wraps a log so that repeated lines are merged. `requestId` is the request id in the lines of the log. */
export type WithoutRepeats = (log: Log, requestId?: string) => Log

interface Repeated {
  /** Writes the latest line, and begins to count again. */
  readonly write: () => void
  readonly requests: Set<string>
  count: number
}

/** Interval in milliseconds at which a repeated line is written. */
const INTERVAL_MS = 10_000
/** Maximum number of different lines that are tracked. A line that is not tracked is written each time it is logged. */
const MAX_KINDS = 500
/** Maximum number of request ids in a merged line. */
const MAX_REQUESTS = 100
/** Maximum number of nested causes of an error that are read. */
const MAX_CAUSES = 8

/**
 * Returns a function that wraps logs and merges repeated lines across them. The first occurrence of a line is written
 * immediately. While the line repeats, it is written once per interval with the latest fields and `count`, the number of
 * occurrences since it was last written. `requests` lists the ids of the requests and connections that logged the line. If a
 * user reports an id, a search for it finds the line. Two lines are the same if they have the same level, message and error
 * code, and if their errors were created at the same place.
 */
export const createRepeats = (clock: Clock = systemClock, intervalMs = INTERVAL_MS): WithoutRepeats => {
  const kinds = new Map<string, Repeated>()
  let stop: (() => void) | undefined

  const flush = (): void => {
    for (const [key, { write, count }] of kinds) {
      if (count === 0) kinds.delete(key)
      else write()
    }
    if (kinds.size > 0) return
    stop?.()
    stop = undefined
  }

  const writeTo: WriteTo = (log, level, fields, message, requestId) => {
    const { err, code = '' } = fields as { err?: unknown; code?: unknown }
    const key = `${level} ${message} ${code} ${kindOf(err)}`
    const known = kinds.get(key)
    if (!known) log[level](fields, message)
    if (!known && kinds.size >= MAX_KINDS) return
    const { count = -1, requests = new Set<string>() } = known ?? {}
    if (known && requestId !== undefined && requests.size < MAX_REQUESTS) requests.add(requestId)
    const repeated = {
      requests,
      count: count + 1,
      write() {
        const ids = requests.size > 0 ? { requests: [...requests] } : {}
        log[level]({ ...fields, count: repeated.count, ...ids }, message)
        repeated.count = 0
        requests.clear()
      }
    }
    kinds.set(key, repeated)
    stop ??= clock.every(intervalMs, flush)
  }

  return (log, requestId) => new MergedLog(log, writeTo, requestId)
}

type WriteTo = (log: Log, level: keyof Log, fields: object, message: string, requestId?: string) => void

/**
 * A log without repeated lines. This is a class to save memory: each connection has such a log, and closures would need several
 * times as much memory.
 */
class MergedLog implements Log {
  readonly #log: Log
  readonly #writeTo: WriteTo
  readonly #requestId: string | undefined

  constructor(log: Log, writeTo: WriteTo, requestId: string | undefined) {
    this.#log = log
    this.#writeTo = writeTo
    this.#requestId = requestId
  }

  debug(fields: object, message: string): void {
    this.#writeTo(this.#log, 'debug', fields, message, this.#requestId)
  }

  info(fields: object, message: string): void {
    this.#writeTo(this.#log, 'info', fields, message, this.#requestId)
  }

  warn(fields: object, message: string): void {
    this.#writeTo(this.#log, 'warn', fields, message, this.#requestId)
  }

  error(fields: object, message: string): void {
    this.#writeTo(this.#log, 'error', fields, message, this.#requestId)
  }
}

const shared = new WeakMap<object, WithoutRepeats>()

/**
 * Wraps `log` so that repeated lines are merged. Lines are merged across all logs with the same owner, which is the HTTP server.
 * Only the clock of the first call for an owner is used.
 */
export const withoutRepeats = (owner: object, log: Log, clock?: Clock): Log => repeatsOf(owner, clock)(log)

/** Like `withoutRepeats`, for the log of a request or of the connection that a request opened. */
export const requestLogOf = ({
  server,
  log,
  id
}: {
  readonly server: { readonly server: object }
  readonly log: Log
  readonly id: string
}): Log => repeatsOf(server.server)(log, id)

const repeatsOf = (owner: object, clock?: Clock): WithoutRepeats => {
  const repeats = shared.get(owner) ?? createRepeats(clock)
  shared.set(owner, repeats)
  return repeats
}

/** Returns a key that identifies a failure: the name and code of the innermost cause, and the first frame of its stack. */
const kindOf = (thrown: unknown, depth = 0): string => {
  if (!(thrown instanceof Error)) return ''
  if (thrown.cause instanceof Error && depth < MAX_CAUSES) return kindOf(thrown.cause, depth + 1)
  const code = 'code' in thrown ? String(thrown.code) : ''
  const place = /^ +at .*$/m.exec(thrown.stack ?? '')?.[0] ?? ''
  return `${thrown.name} ${code} ${place.trim()}`
}
