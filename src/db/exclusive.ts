/** Runs a command that only one process may run at a time. */
import type { SqlClient } from './client/types.ts'

/**
 * Runs `work` while a transaction holds an advisory lock. Throws if another process holds the lock. The lock belongs to a
 * transaction and not to a session, because a pooler in transaction mode may give the session to another client. The
 * transaction is otherwise idle, and needs one connection in addition to those that `work` uses. The embedded database has only
 * one process and needs no lock.
 */
export const exclusively = <T>(
  client: Pick<SqlClient, 'engine' | 'transaction'>,
  { schema, name }: { readonly schema: string; readonly name: string },
  work: () => Promise<T>
): Promise<T> => {
  if (client.engine === 'pglite') return work()
  return client.transaction(
    async transaction => {
      await transaction.exec('set local idle_in_transaction_session_timeout = 0')
      const [row] = await transaction.query<{ is_locked: boolean }>(
        'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as is_locked',
        [`fastify-chat:${name}:${schema}`]
      )
      if (!row?.is_locked)
        throw new Error(`The command "${name}" already runs on this database. Wait until it has ended.`)
      return work()
    },
    { isUrgent: true, isUnlimited: true }
  )
}
