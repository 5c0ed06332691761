/** Logs a repeated line only once per interval, with a count. */
import { type Clock, systemClock } from './clock.ts'
import type { Log } from './logging.ts'

/** Wraps a log so that repeated lines are merged. */
export type WithoutRepeats = (log: Log) => Log

interface Repeated {
  readonly write: (count: number) => void
  count: number
}

/** Interval in milliseconds at which a repeated line is written. */
const INTERVAL_MS = 10_000
/** Maximum number of different lines that are tracked. A line that is not tracked is written each time it is logged. */
const MAX_KINDS = 500
/** Maximum number of nested causes of an error that are read. */
const MAX_CAUSES = 8

/**
 * Returns a function that wraps logs and merges repeated lines across them. The first occurrence of a line is written immediately.
 * While the line repeats, it is written once per interval with the latest fields and `count`, the number of occurrences since it
 * was last written. Two lines are the same if they have the same level, message, error code and place where the error was created.
 */
export const createRepeats = (clock: Clock = systemClock, intervalMs = INTERVAL_MS): WithoutRepeats => {
  const kinds = new Map<string, Repeated>()
  let stop: (() => void) | undefined

  const flush = (): void => {
    for (const [key, { write, count }] of kinds) {
      if (count === 0) kinds.delete(key)
      else write(count)
    }
    if (kinds.size > 0) return
    stop?.()
    stop = undefined
  }

  const writeTo: WriteTo = (log, level, fields, message) => {
    const { err, code = '' } = fields as { err?: unknown; code?: unknown }
    const key = `${level} ${message} ${code} ${kindOf(err)}`
    const known = kinds.get(key)
    if (!known) log[level](fields, message)
    if (!known && kinds.size >= MAX_KINDS) return
    const write = (count: number): void => {
      kinds.set(key, { write, count: 0 })
      log[level]({ ...fields, count }, message)
    }
    kinds.set(key, { write, count: known ? known.count + 1 : 0 })
    stop ??= clock.every(intervalMs, flush)
  }

  return log => new MergedLog(log, writeTo)
}

type WriteTo = (log: Log, level: keyof Log, fields: object, message: string) => void

/**
 * A log without repeated lines. This is a class to save memory: each connection has such a log, and closures would need several
 * times as much memory.
 */
class MergedLog implements Log {
  readonly #log: Log
  readonly #writeTo: WriteTo

  constructor(log: Log, writeTo: WriteTo) {
    this.#log = log
    this.#writeTo = writeTo
  }

  debug(fields: object, message: string): void {
    this.#writeTo(this.#log, 'debug', fields, message)
  }

  info(fields: object, message: string): void {
    this.#writeTo(this.#log, 'info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#writeTo(this.#log, 'warn', fields, message)
  }

  error(fields: object, message: string): void {
    this.#writeTo(this.#log, 'error', fields, message)
  }
}

const shared = new WeakMap<object, WithoutRepeats>()

/**
 * Wraps `log` so that repeated lines are merged. Lines are merged across all logs with the same owner, which is the HTTP server.
 * Only the clock of the first call for an owner is used.
 */
export const withoutRepeats = (owner: object, log: Log, clock?: Clock): Log => {
  const repeats = shared.get(owner) ?? createRepeats(clock)
  shared.set(owner, repeats)
  return repeats(log)
}

/** Returns a key that identifies a failure: the name and code of the innermost cause, and the first frame of its stack. */
const kindOf = (thrown: unknown, depth = 0): string => {
  if (!(thrown instanceof Error)) return ''
  if (thrown.cause instanceof Error && depth < MAX_CAUSES) return kindOf(thrown.cause, depth + 1)
  const code = 'code' in thrown ? String(thrown.code) : ''
  const place = /^\s+at .*$/m.exec(thrown.stack ?? '')?.[0] ?? ''
  return `${thrown.name} ${code} ${place.trim()}`
}
