/** Runs statements in a transaction that the host application has begun with its own postgres.js client. */
import type postgres from 'postgres'
import { ChatError } from '../../protocol/errors.ts'
import { decodeValue } from './encode.ts'
import { codesOf } from './errors.ts'

/**
 * A transaction of postgres.js: the object that `sql.begin` passes to its function. Declares only the methods that are used, so
 * that the host application may use another release of postgres.js or custom types.
 */
export interface HostTransaction {
  readonly savepoint: (...given: never[]) => unknown
  readonly unsafe: (...given: never[]) => unknown
}

/** Runs a statement, and returns its rows as arrays in the order of the columns. */
export type RunInTransaction = (text: string, params: readonly unknown[]) => Promise<unknown[][]>

/**
 * Maps a transaction to its last call, for which the next call waits. The savepoints of concurrent calls would be nested, so the
 * failure of one call would undo the others.
 */
const lastCalls = new WeakMap<object, Promise<unknown>>()

const isTransaction = (value: unknown): value is postgres.TransactionSql =>
  typeof value === 'function' && 'unsafe' in value && 'savepoint' in value

const invalid = (detail: string, cause?: unknown): ChatError => new ChatError('validation_failed', detail, { cause })

/** SQLSTATEs of a transaction that cannot be used, each with advice for the developer of the host application. */
const UNUSABLE: Readonly<Record<string, string>> = {
  '25006': 'The transaction is read-only. Begin a transaction that may write.',
  '25P01': 'The transaction has ended. Await the call inside the function that you pass to sql.begin.',
  '25P02': 'The transaction has failed, so it can only be rolled back. Call the chat before the failing statement.',
  '3F000': 'The transaction cannot see the tables of the chat. Begin it on the database of the chat.',
  '42P01': 'The transaction cannot see the tables of the chat. Begin it on the database of the chat.',
  '42883': 'The transaction cannot see the functions of the chat. Begin it on the database of the chat.',
  '42501': 'The role of the transaction may not use the schema of the chat. Grant the role the rights of the owner.'
}

const explained = (error: unknown): unknown => {
  const detail = codesOf(error)
    .map(code => UNUSABLE[code])
    .find(known => known !== undefined)
  return detail === undefined ? error : invalid(detail, error)
}

/**
 * Runs `work` in the transaction, behind a savepoint. If `work` rejects, its statements are undone and their locks are
 * released. The transaction can still be committed. Calls in the same transaction run one after another. Rejects with
 * `validation_failed` if the transaction cannot be used.
 */
export const inHostTransaction = async <T>(
  transaction: unknown,
  work: (run: RunInTransaction) => Promise<T>
): Promise<T> => {
  if (!isTransaction(transaction)) {
    throw invalid(
      'The transaction is not one of postgres.js. Pass the object that sql.begin passes to your function, or post after the commit.'
    )
  }
  const before = lastCalls.get(transaction)
  const called = (before ?? Promise.resolve()).then(() => behindSavepoint(transaction, work))
  lastCalls.set(
    transaction,
    called.catch(() => {})
  )
  return called
}

const behindSavepoint = async <T>(
  transaction: postgres.TransactionSql,
  work: (run: RunInTransaction) => Promise<T>
): Promise<T> => {
  try {
    const done = await transaction.savepoint(async inner => {
      const run: RunInTransaction = async (text, params) => {
        // Reads raw bytes, because the client of the host may convert values and names in its own way.
        const rows = await inner.unsafe(text, params as postgres.ParameterOrJSON<never>[], { prepare: false }).raw()
        return rows.map(row => row.map((bytes, at) => decodeValue(rows.columns[at]?.type ?? 0, bytes)))
      }
      return { value: await work(run) }
    })
    return (done as { value: T }).value
  } catch (error) {
    throw explained(error)
  }
}
