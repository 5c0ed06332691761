/** A unit of work: repositories whose statements are all in one transaction. */
import type { SqlClient, SqlTransaction } from './client/types.ts'

/**
 * Returns a client whose statements are part of a transaction that is open already, for repositories. A transaction of theirs
 * is a part of it too: it fails with the whole.
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
