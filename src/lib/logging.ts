/**
 * Limits what a log line may contain: no query string (it may contain `?token=`), nothing that looks like a secret, and of an
 * error only what `describeError` returns. That applies to every key and every call.
 */
import { clientAddress } from './client-address.ts'
import { describeError, redactArguments, redactText } from './redact.ts'

/** Limits how much of a path a log line shows. */
const MAX_PATH = 500

// Matches raw bytes of a request's head as Node's parser returns them. U+009B would start an escape sequence in a terminal.
const RAW = /[^!-~]/g
const escaped = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** Returns a header's value for logging: printable ASCII, clipped, and with tokens replaced. */
export const safeHeader = (value: string): string => redactText(value.slice(0, MAX_HEADER).replace(RAW, escaped))
const MAX_HEADER = 200

/** Returns a path for logging: without the query string, in printable ASCII, clipped, and with tokens replaced. */
export const safePath = (url: string): string =>
  redactText(
    url
      .slice(0, MAX_PATH)
      .replace(/[?;#].*$/s, '')
      .replace(RAW, escaped)
  )

interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly ip: string | undefined
}

/** Serializes requests and errors for pino, in every logger of the service. */
export const serializers = {
  req: (request: LoggedRequest) => ({
    method: request.method,
    path: safePath(request.url),
    address: clientAddress(request)
  }),
  err: describeError,
  error: describeError
}

/** Redacts the arguments of every call; the pino hook of the service's own logger. */
export const logMethod = function (this: unknown, args: unknown[], method: (...args: never[]) => void): void {
  method.apply(this, redactArguments(args) as never[])
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

type Logger = { readonly [Level in (typeof LEVELS)[number]]: (...args: never[]) => void } & {
  child(...args: never[]): unknown
}

/** Marks a logger that already redacts, and its children. */
const redacts = Symbol('redacts')
const wrapped = Symbol('wrapped')

interface Wrapper {
  readonly [wrapped]: Logger & { isLevelEnabled?(level: string): boolean }
}

/** Marks the service's own logger, whose hook is `logMethod`, so that no request wraps it. */
export const redactsItself = (logger: object): void => void Object.assign(logger, { [redacts]: true })

// All wrappers share these methods, since each request has a wrapper. A line below the log level is not redacted.
const METHODS = {
  ...Object.fromEntries(
    LEVELS.map(level => [
      level,
      function (this: Wrapper, ...args: unknown[]): void {
        const logger = this[wrapped]
        if (logger.isLevelEnabled?.(level) !== false) logger[level](...(redactArguments(args) as never[]))
      }
    ])
  ),
  child(this: Wrapper, ...args: never[]): unknown {
    return redactingLogger(this[wrapped].child(...args) as Logger)
  }
}

/** Wraps a host application's logger, of any kind, so that the chat's log lines are redacted. */
export const redactingLogger = <T extends Logger>(logger: T): T =>
  redacts in logger ? logger : Object.assign(Object.create(logger), METHODS, { [wrapped]: logger })

/** Describes the part of a pino logger that the service uses. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
