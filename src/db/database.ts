/** Creates the repositories of the service, one per aggregate, all in one schema. */
import { withTimeout } from '../lib/timeout.ts'
import type { SqlClient } from './client/types.ts'
import { type ChangesRepository, createChangesRepository } from './repositories/changes.ts'
import { createMessagesRepository, type MessagesRepository } from './repositories/messages.ts'
import { createProcessesRepository, type ProcessesRepository } from './repositories/processes.ts'
import { createRateLimitsRepository, type RateLimitsRepository } from './repositories/rate-limits.ts'
import { createRoomsRepository, type RoomsRepository } from './repositories/rooms.ts'
import { createUsersRepository, type UsersRepository } from './repositories/users.ts'
import { createTables, type Tables } from './tables.ts'
import { clientIn } from './transaction.ts'

export type { Changes, ChangesRead, ChangesRepository } from './repositories/changes.ts'
export type {
  AppendedEntry,
  MessagesRepository,
  NewEntry,
  RefusedEntry,
  StoredBody,
  StoredEntry
} from './repositories/messages.ts'
export type { RoomRow, RoomsRepository } from './repositories/rooms.ts'
export type { UsersRepository } from './repositories/users.ts'

/** Holds the repositories of one client, or of one transaction. */
export interface Repositories {
  readonly users: UsersRepository
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  readonly rateLimits: RateLimitsRepository
  readonly changes: ChangesRepository
  readonly processes: ProcessesRepository
}

export interface ChatDatabase extends Repositories {
  readonly schema: string
  readonly client: SqlClient
  /**
   * Runs a unit of work: whatever the repositories that it gets write is committed together, or not at all if `work` rejects.
   * Rejects with what `work` rejects with, or why the commit failed. Use no other repository inside, since the embedded
   * database has one session.
   */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>
  /** Returns whether the database can be written to. Rejects if the query fails, or has no response within `timeoutMs`. */
  ping(timeoutMs: number): Promise<'ok' | 'read_only'>
}

const createRepositories = (client: SqlClient, schema: string, tables: Tables): Repositories => ({
  users: createUsersRepository(client, tables),
  rooms: createRoomsRepository(client, tables, schema),
  messages: createMessagesRepository(client, tables, schema),
  rateLimits: createRateLimitsRepository(client, schema),
  changes: createChangesRepository(client, schema),
  processes: createProcessesRepository(client, schema)
})

/** Creates the repositories; sends no query. */
export const createDatabase = (client: SqlClient, schema: string): ChatDatabase => {
  const tables = createTables(schema)
  return {
    schema,
    client,
    ...createRepositories(client, schema, tables),
    transaction: work =>
      client.transaction(transaction => work(createRepositories(clientIn(client, transaction), schema, tables))),
    async ping(timeoutMs) {
      // A standby is read-only too.
      const reading = client.query<{ read_only: string }>(
        `select current_setting('transaction_read_only') as read_only`,
        [],
        { isUrgent: true }
      )
      const [row] = await withTimeout(timeoutMs, 'the database', reading)
      if (row?.read_only === 'off') return 'ok'
      client.replaceConnections?.()
      return 'read_only'
    }
  }
}
