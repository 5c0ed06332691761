/** Logs a repeated failure as one line per interval with a count. */
import { type Clock, systemClock } from './clock.ts'
import type { Log } from './logging.ts'

/** Returns a log that writes to the given one without repeats. */
export type WithoutRepeats = (log: Log) => Log

interface Repeated {
  readonly write: (count: number) => void
  count: number
}

/** Sets how often a repeated line is written, with the number of its occurrences since. */
const INTERVAL_MS = 10_000
/** Limits how many different lines are tracked; others are written each time. */
const MAX_KINDS = 500
/** Limits how many causes of an error are followed. */
const MAX_CAUSES = 8

/**
 * Creates a detector of repeated lines, for all logs that are passed to it. It writes the first occurrence of a line at once, and
 * then one line per interval while it repeats, with the latest fields and `count`, the number of occurrences since the previous
 * line. Lines are the same if their level, message, error code and the place where the error was created are.
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

  const at = (log: Log, level: keyof Log) => {
    return (fields: object, message: string): void => {
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
  }

  return log => ({ debug: at(log, 'debug'), info: at(log, 'info'), warn: at(log, 'warn'), error: at(log, 'error') })
}

const shared = new WeakMap<object, WithoutRepeats>()

/** Returns `log` without repeats. All logs of one owner (the HTTP server) share what they wrote lately, and the first one's clock. */
export const withoutRepeats = (owner: object, log: Log, clock?: Clock): Log => {
  const repeats = shared.get(owner) ?? createRepeats(clock)
  shared.set(owner, repeats)
  return repeats(log)
}

/** Returns what distinguishes failures: the innermost cause's name and code, and the first line of its stack. */
const kindOf = (thrown: unknown, depth = 0): string => {
  if (!(thrown instanceof Error)) return ''
  if (thrown.cause instanceof Error && depth < MAX_CAUSES) return kindOf(thrown.cause, depth + 1)
  const code = 'code' in thrown ? String(thrown.code) : ''
  const place = /^\s+at .*$/m.exec(thrown.stack ?? '')?.[0] ?? ''
  return `${thrown.name} ${code} ${place.trim()}`
}
