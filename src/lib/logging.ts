/**
 * Redacts log lines. A line contains no query string (which may contain `?token=`) and nothing that looks like a secret. An
 * error is logged only as `describeError` returns it. These rules apply to every key of every log call.
 */
import { clientAddress } from './client-address.ts'
import { describeError, redactArguments, redactText } from './redact.ts'

/** Maximum length of a path in a log line. */
const MAX_PATH = 500

// Matches white space and everything that is not printable ASCII. U+009B, for example, starts an escape sequence in a terminal.
const RAW = /[^!-~]/g
const escaped = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** Returns the value of a header for logging: printable ASCII, shortened, and with secrets redacted. */
export const safeHeader = (value: string): string => redactText(value.slice(0, MAX_HEADER).replace(RAW, escaped))
const MAX_HEADER = 200

/** Returns the path of a URL for logging: without the query, in printable ASCII, shortened, and with secrets redacted. */
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

/** The `logMethod` hook of pino in the service's own logger. Redacts the arguments of each log call. */
export const logMethod = function (this: unknown, args: unknown[], method: (...args: never[]) => void): void {
  method.apply(this, redactArguments(args) as never[])
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

type Logger = { readonly [Level in (typeof LEVELS)[number]]: (...args: never[]) => void } & {
  child(...args: never[]): unknown
}

/** Returns whether a logger writes lines of the level `debug`. Returns false if the logger does not report its level. */
export const isDebugOn = (logger: object): boolean =>
  'isLevelEnabled' in logger && (logger as { isLevelEnabled(level: string): boolean }).isLevelEnabled('debug')

/** Marks a logger that already redacts its lines. Children of the logger inherit the mark. */
const redacts = Symbol('redacts')
const wrapped = Symbol('wrapped')

interface Wrapper {
  readonly [wrapped]: Logger & { isLevelEnabled?(level: string): boolean }
}

/** Marks a logger whose hook is `logMethod`, so that `redactingLogger` does not wrap it. */
export const redactsItself = (logger: object): void => void Object.assign(logger, { [redacts]: true })

// Shared by all wrappers to save memory, because each request has its own wrapper. The arguments of a line below the log level
// are not redacted, because that line is not written.
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

/** Wraps the logger of a host application, so that the chat's log lines are redacted. The logger need not be a pino logger. */
export const redactingLogger = <T extends Logger>(logger: T): T =>
  redacts in logger ? logger : Object.assign(Object.create(logger), METHODS, { [wrapped]: logger })

/**
 * Creates the logger of a request. If `parent` redacts its lines itself, the child logger is created only when the request logs
 * its first line. This saves time: if the log level is above `info`, most requests log nothing, and creating a child takes longer
 * than the rest of a short request. For any other parent, and if `options` contains `level` or `serializers`, the child logger
 * is created at once.
 */
export const requestLogger = <T extends Logger>(parent: T, bindings: object, options: object): T => {
  if (!(redacts in parent) || 'level' in options || 'serializers' in options)
    return redactingLogger(parent.child(...([bindings, { ...options, serializers }] as never[])) as T)
  return Object.assign(Object.create(LAZY), { [wrapped]: parent, [childBindings]: bindings })
}

const childBindings = Symbol('bindings')

interface Lazy extends Wrapper {
  [childBindings]: object | undefined
  [wrapped]: Wrapper[typeof wrapped]
}

/** Returns the logger of a request. The first call creates the logger. */
const created = (lazy: Lazy): Lazy[typeof wrapped] => {
  const { [wrapped]: logger, [childBindings]: bindings } = lazy
  if (bindings === undefined) return logger
  lazy[childBindings] = undefined
  lazy[wrapped] = logger.child(bindings as never) as Lazy[typeof wrapped]
  return lazy[wrapped]
}

const LAZY = {
  ...Object.fromEntries(
    LEVELS.map(level => [
      level,
      function (this: Lazy, ...args: never[]): void {
        if (this[wrapped].isLevelEnabled?.(level) !== false) created(this)[level](...args)
      }
    ])
  ),
  [redacts]: true,
  silent(): void {},
  child(this: Lazy, ...args: never[]): unknown {
    return created(this).child(...args)
  },
  get level(): unknown {
    return Reflect.get((this as unknown as Lazy)[wrapped], 'level')
  }
}

/** The methods of a pino logger that the service uses. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
