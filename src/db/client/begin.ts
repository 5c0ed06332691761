/**
 * Begins transactions of postgres.js so that no statement is sent after the connection was lost. By default, postgres.js sends
 * a rollback on the lost connection. The rollback throws an exception that no caller can catch, so the process ends. A later
 * statement could also run outside the transaction, on a new connection. See the issues 1133 and 1208 of porsager/postgres.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type postgres from 'postgres'
import type { Runner } from './statements.ts'

/** Sends a statement of the transaction. Rejects, and does not send the statement, if the transaction is over. */
export type Send = <T>(statement: () => PromiseLike<T>) => Promise<T>

const NEVER = new Promise<never>(() => {})

/** Runs `work` in a transaction. `work` must send all statements with `send`. Rejects if the connection is lost. */
export const beginTransaction = async <T>(
  sql: postgres.Sql,
  options: string,
  work: (transaction: Runner, send: Send) => Promise<T>
): Promise<T> => {
  let isOver = false
  const send: Send = async statement => {
    if (isOver) throw new Error('The transaction is over, so the statement was not sent.')
    try {
      return await statement()
    } catch (error) {
      // If the connection is lost, postgres.js rejects first the statement and then the transaction. Waits until the rejection of
      // the transaction has set `isOver`, so that the caller cannot send another statement.
      await nextTurn()
      throw error
    }
  }
  const result = sql.begin(options, async transaction => {
    try {
      return { done: await work(transaction, send) }
    } finally {
      // When the transaction is over, this function must not return, because postgres.js would then send a commit or a rollback
      // on the lost connection.
      if (isOver) await NEVER
    }
  })
  try {
    return ((await result) as { done: T }).done
  } finally {
    isOver = true
  }
}
