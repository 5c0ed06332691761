/** Lets repositories run their statements inside an open transaction. */
import type { SqlClient, SqlTransaction } from './client/types.ts'

/**
 * Returns a client whose statements are part of the given open transaction. The client's method `transaction` does not start a
 * nested transaction, but runs its callback in the open transaction, too.
 */
export const clientIn = (client: SqlClient, transaction: SqlTransaction): SqlClient => ({
  engine: client.engine,
  where: client.where,
  notifications: null,
  drizzle: transaction.drizzle,
  query: (text, params) => transaction.query(text, params),
  transaction: work => work(transaction),
  async close() {}
})
