/** The one classification of database errors: what each SQLSTATE and driver code asks the caller to do. */
import { TooLate } from '../../lib/timeout.ts'

/**
 * What to do about a database error.
 *
 * - `retry`: the connection or the server failed. What the statement did, if anything, is unknown; it may be sent again.
 * - `locked`: a lock was not granted in time. Nothing was written; it may be sent again.
 * - `replace-connection`: this session can't write (a standby, a read-only server). Nothing was written; it may be sent again
 *   on a new connection.
 * - `refuse`: the server can't do it now (disk full, out of memory). Nothing was written; trying again at once only adds load.
 * - `divide`: the values of this statement, or the rows they touch, are to blame. A part of a batch may succeed.
 * - `report`: a bug or a wrong setup. Nobody but the operator can help.
 */
export type DatabaseFault = 'retry' | 'locked' | 'replace-connection' | 'refuse' | 'divide' | 'report'

/** Codes of Node and postgres.js, which never reached a server or lost it. */
const DRIVER_CODES = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  // A Unix socket that is not there while the server restarts.
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT'
])

/** SQLSTATEs that differ from their class. */
const STATES: Readonly<Record<string, DatabaseFault>> = {
  '25006': 'replace-connection', // read_only_sql_transaction: a standby, or default_transaction_read_only
  '25P02': 'replace-connection', // in_failed_sql_transaction: a pooler handed over a session in the middle of one
  '25P03': 'retry', // idle_in_transaction_session_timeout: the server closes the session
  '25P04': 'retry', // transaction_timeout: likewise
  '26000': 'replace-connection', // invalid_sql_statement_name: a pooler's other session has the prepared statement
  '42P05': 'replace-connection', // duplicate_prepared_statement: likewise
  '53300': 'retry', // too_many_connections
  '55P03': 'locked', // lock_not_available
  '57014': 'retry', // query_canceled: statement_timeout
  '57P04': 'refuse', // database_dropped
  '55000': 'refuse', // object_not_in_prerequisite_state: recovery is in progress, or the pooler says so
  XX001: 'divide', // data_corrupted
  XX002: 'divide' // index_corrupted
}

/** SQLSTATEs by class, the first two characters. */
const CLASSES: Readonly<Record<string, DatabaseFault>> = {
  '08': 'retry', // connection exception
  '22': 'divide', // data exception
  '23': 'divide', // integrity constraint violation
  '28': 'refuse', // invalid authorization: the password was changed, pg_hba.conf was edited
  '40': 'retry', // transaction rollback: serialization failure, deadlock
  '53': 'refuse', // insufficient resources: disk full, out of memory, configuration limit exceeded
  '54': 'divide', // program limit exceeded: too large a row, say
  '57': 'retry', // operator intervention: shutdown, crash, starting up
  '58': 'refuse', // system error: input or output failed
  P0: 'divide' // PL/pgSQL: chat_append was given a room that is gone, or a trigger of the host's refused a row
}

const SQLSTATE = /^[0-9A-Z]{5}$/
/** What is neither the SQL standard's nor PostgreSQL's own: a trigger of the host's refused a row with a code of its own. */
const CUSTOM_STATE = /^(?!72|HV|XX)[5-9I-Z]/
const TLS = /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/

const faultOfCode = (code: string): DatabaseFault | undefined => {
  if (DRIVER_CODES.has(code)) return 'retry'
  if (TLS.test(code)) return 'refuse'
  if (!SQLSTATE.test(code)) return undefined
  return STATES[code] ?? CLASSES[code.slice(0, 2)] ?? (CUSTOM_STATE.test(code) ? 'divide' : 'report')
}

/** A missing file of our own is no missing socket, though both are ENOENT. */
const isFileError = (error: Error): boolean => 'syscall' in error && 'path' in error

/** Returns the codes of an error, of its causes (Drizzle wraps the driver's error) and of the errors of an AggregateError. */
export const codesOf = (error: unknown): string[] => {
  const codes: string[] = []
  const seen = new Set<unknown>()
  const visit = (one: unknown): void => {
    if (!(one instanceof Error) || seen.has(one)) return
    seen.add(one)
    if ('code' in one && typeof one.code === 'string' && !isFileError(one)) codes.push(one.code)
    visit(one.cause)
    if (one instanceof AggregateError) one.errors.forEach(visit)
  }
  visit(error)
  return codes
}

/** Returns what to do about an error. One without a code was thrown by the driver, say for a value that it can't encode: `divide`. */
export const faultOf = (error: unknown): DatabaseFault => {
  if (error instanceof TooLate) return 'retry'
  for (const code of codesOf(error)) {
    const fault = faultOfCode(code)
    if (fault) return fault
  }
  return 'divide'
}

const AGAIN: ReadonlySet<DatabaseFault> = new Set(['retry', 'locked', 'replace-connection'])

/** Returns whether the same statement, sent again in a moment, may succeed. */
export const mayRetry = (error: unknown): boolean => AGAIN.has(faultOf(error))

/** Returns whether the service can't do its work now, through no fault of the request: HTTP 503, not 500. */
export const isUnavailable = (error: unknown): boolean => mayRetry(error) || faultOf(error) === 'refuse'
