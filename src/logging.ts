/**
 * What may stand in a log line. No query string (it may hold `?token=`), nothing that looks like a JWT, and of an error
 * only its own words: Drizzle's errors quote the query's parameters, PostgreSQL's details quote the row.
 */
import { clientAddress } from './http/client-address.ts'

// Looked for at the beginning of a word only, so that a long run of `eyJeyJ…` is read once and not once for each.
const JWT = /(?<![\w-])eyJ[\w-]*\.[\w-]*\.?[\w-]*/g
/** As much of a path as a log line shows. */
const MAX_PATH = 500

/** A path that can be logged: without the query string, and with anything like a token cut out. */
export const safePath = (url: string): string =>
  url
    .slice(0, MAX_PATH)
    .replace(/[?;#].*$/s, '')
    .replace(JWT, '[token]')

interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly ip: string | undefined
}

interface LoggedError {
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly code?: string
  readonly [more: string]: unknown
}

const isDrizzle = (error: Error): boolean => error.constructor.name === 'DrizzleQueryError'

/** An error without parameters, rows or other enumerable extras: its type, message, code and stack. */
export const safeError = (thrown: unknown): LoggedError => {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: 'no Error was thrown', stack: '' }
  // The cause is the database's own error; the wrapper's message and stack would quote the parameters.
  const error = isDrizzle(thrown) && thrown.cause instanceof Error ? thrown.cause : thrown
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return {
    type: error.name,
    ...code,
    message: error.message.replace(JWT, '[token]'),
    stack: error.stack?.replace(JWT, '[token]') ?? ''
  }
}

/** The pino serializers that every logger of the service uses. */
export const serializers = {
  req: (request: LoggedRequest) => ({
    method: request.method,
    path: safePath(request.url),
    address: clientAddress(request)
  }),
  err: safeError,
  error: safeError
}

/** The part of a pino logger that the rooms use. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
