/**
 * What may stand in a log line. No query string (it may hold `?token=`), nothing that looks like a secret, and of an error
 * only what `describeError` keeps, under whatever key and in whatever call it is logged.
 */
import { clientAddress } from './client-address.ts'
import { describeError, redactArguments, redactText } from './redact.ts'

/** As much of a path as a log line shows. */
const MAX_PATH = 500

/** A raw byte of a request's head, as Node's parser hands it on; U+009B would begin an escape sequence in a terminal. */
const RAW = /[^!-~]/g
const escaped = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** Returns the value of a header as it can be logged: in printable ASCII, clipped, and with anything like a token cut out. */
export const safeHeader = (value: string): string => redactText(value.slice(0, MAX_HEADER).replace(RAW, escaped))
const MAX_HEADER = 200

/** A path that can be logged: without the query string, in printable ASCII, and with anything like a token cut out. */
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

/** The pino serializers that every logger of the service uses. */
export const serializers = {
  req: (request: LoggedRequest) => ({
    method: request.method,
    path: safePath(request.url),
    address: clientAddress(request)
  }),
  err: describeError,
  error: describeError
}

/** The pino hook of the service's own logger: redacts the arguments of every call. */
export const logMethod = function (this: unknown, args: unknown[], method: (...args: never[]) => void): void {
  method.apply(this, redactArguments(args) as never[])
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

type Logger = { readonly [Level in (typeof LEVELS)[number]]: (...args: never[]) => void } & {
  child(...args: never[]): unknown
}

/** Marks a logger that redacts by itself, and with it its children. */
const redacts = Symbol('redacts')
const wrapped = Symbol('wrapped')

interface Wrapper {
  readonly [wrapped]: Logger & { isLevelEnabled?(level: string): boolean }
}

/** Marks the service's own logger, whose hook is `logMethod`: no request needs a wrapper around it. */
export const redactsItself = (logger: object): void => void Object.assign(logger, { [redacts]: true })

// Shared by all wrappers, since there is one for each request. A line that is not written is not redacted either.
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

/** Wraps a host application's logger, of whatever kind: what the chat logs through it is redacted first. */
export const redactingLogger = <T extends Logger>(logger: T): T =>
  redacts in logger ? logger : Object.assign(Object.create(logger), METHODS, { [wrapped]: logger })

/** The part of a pino logger that the rooms use. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
