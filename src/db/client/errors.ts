/** Classifies database errors: each SQLSTATE and driver code maps to what the caller should do. */
import { TimeoutError } from '../../lib/timeout.ts'

/**
 * What the caller should do about a database error.
 *
 * - `retry`: the failure is temporary, such as a lost connection or a deadlock. The statement may or may not have taken effect;
 *   it may be sent again.
 * - `locked`: a lock was not granted in time. Nothing was written; the statement may be sent again.
 * - `replace-connection`: this session cannot write (a standby, a read-only server) or is not in the expected state. Nothing
 *   was written; the statement may be sent again on a new connection.
 * - `refuse`: the server cannot execute the statement now (disk full, out of memory). Nothing was written; an immediate retry
 *   only adds load.
 * - `divide`: the values of this statement, or the rows that they affect, caused the error. If a batch is divided, the parts
 *   without these values may succeed.
 * - `report`: the cause is probably a bug or a wrong configuration. A retry would fail in the same way.
 */
export type DatabaseFault = 'retry' | 'locked' | 'replace-connection' | 'refuse' | 'divide' | 'report'

/** Error codes of Node and postgres.js for an unreachable server or a lost connection. */
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
  // The Unix socket is missing while the server restarts.
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT'
])

/** Maps SQLSTATEs to faults. A SQLSTATE that is not listed here has the fault of its class, if `CLASSES` lists the class. */
const STATES: Readonly<Record<string, DatabaseFault>> = {
  '25006': 'replace-connection', // read_only_sql_transaction: a standby, or default_transaction_read_only
  '25P02': 'replace-connection', // in_failed_sql_transaction: a pooler handed over a session with a failed transaction
  '25P03': 'retry', // idle_in_transaction_session_timeout: the server closes the session
  '25P04': 'retry', // transaction_timeout: the server closes the session
  '26000': 'replace-connection', // invalid_sql_statement_name: the statement was prepared in another session of a pooler
  '42P05': 'replace-connection', // duplicate_prepared_statement: another client of a pooler prepared it in this session
  '53300': 'retry', // too_many_connections
  '55P03': 'locked', // lock_not_available
  '57014': 'retry', // query_canceled: statement_timeout
  '57P04': 'refuse', // database_dropped
  '55000': 'refuse', // object_not_in_prerequisite_state: for example, recovery is in progress; some poolers send this code too
  XX001: 'divide', // data_corrupted
  XX002: 'divide' // index_corrupted
}

/** Maps the class of a SQLSTATE (its first two characters) to a fault. */
const CLASSES: Readonly<Record<string, DatabaseFault>> = {
  '08': 'retry', // connection exception
  '22': 'divide', // data exception
  '23': 'divide', // integrity constraint violation
  '28': 'refuse', // invalid authorization: a changed password or pg_hba.conf
  '40': 'retry', // transaction rollback: serialization failure, deadlock
  '53': 'refuse', // insufficient resources: disk full, out of memory, configuration limit exceeded
  '54': 'divide', // program limit exceeded: for example a row that is too large
  '57': 'retry', // operator intervention: shutdown, crash, starting up
  '58': 'refuse', // system error: input or output failed
  P0: 'divide' // PL/pgSQL: a function of the service or a host's trigger rejected a row
}

const SQLSTATE = /^[0-9A-Z]{5}$/
/**
 * Matches SQLSTATEs of the classes that the SQL standard leaves to the implementation, except PostgreSQL's 72 and XX. A host's
 * trigger may reject a row with such a SQLSTATE.
 */
const CUSTOM_STATE = /^(?!72|HV|XX)[5-9I-Z]/
const TLS = /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/

const faultOfCode = (code: string): DatabaseFault | undefined => {
  if (DRIVER_CODES.has(code)) return 'retry'
  if (TLS.test(code)) return 'refuse'
  if (!SQLSTATE.test(code)) return undefined
  return STATES[code] ?? CLASSES[code.slice(0, 2)] ?? (CUSTOM_STATE.test(code) ? 'divide' : 'report')
}

/**
 * Returns whether the error is about a file. A missing file and a missing Unix socket have the same code, ENOENT, but only the
 * error about the file has a `path`.
 */
const isFileError = (error: Error): boolean => 'syscall' in error && 'path' in error

/** Returns the codes of an error, of its causes (Drizzle wraps the driver's error), and of each error in an AggregateError. */
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

/**
 * Returns what to do about an error. Returns `retry` for a TimeoutError, and `divide` for any other error without a known code.
 * For example, the driver throws an error without a code if it cannot encode a value.
 */
export const faultOf = (error: unknown): DatabaseFault => {
  if (error instanceof TimeoutError) return 'retry'
  for (const code of codesOf(error)) {
    const fault = faultOfCode(code)
    if (fault) return fault
  }
  return 'divide'
}

const RETRYABLE: ReadonlySet<DatabaseFault> = new Set(['retry', 'locked', 'replace-connection'])

/** Returns whether the same statement may succeed if it is sent again shortly afterwards. */
export const mayRetry = (error: unknown): boolean => RETRYABLE.has(faultOf(error))

/** Returns whether the database, and not the request, caused the failure. If so, the HTTP status is 503 instead of 500. */
export const isUnavailable = (error: unknown): boolean => mayRetry(error) || faultOf(error) === 'refuse'
