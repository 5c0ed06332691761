/** Creates the repositories of the service, one per aggregate, all in one schema. */
import { withTimeout } from '../lib/timeout.ts'
import type { SqlClient } from './client/types.ts'
import { type ChangesRepository, createChangesRepository } from './repositories/changes.ts'
import { createMessagesRepository, type MessagesRepository } from './repositories/messages.ts'
import { createProcessesRepository, type ProcessesRepository } from './repositories/processes.ts'
import { createRateLimitsRepository, type RateLimitsRepository } from './repositories/rate-limits.ts'
import { createRoomsRepository, type RoomsRepository } from './repositories/rooms.ts'
import { createUsersRepository, type UsersRepository } from './repositories/users.ts'
import { createTables } from './tables.ts'

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

/** Holds the repositories of one client. */
export interface ChatDatabase {
  readonly schema: string
  readonly client: SqlClient
  readonly users: UsersRepository
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  readonly rateLimits: RateLimitsRepository
  readonly changes: ChangesRepository
  readonly processes: ProcessesRepository
  /** Returns whether the database can be written to. Rejects if the query fails, or has no response within `timeoutMs`. */
  ping(timeoutMs: number): Promise<'ok' | 'read_only'>
}

/** Creates the repositories; sends no query. */
export const createDatabase = (client: SqlClient, schema: string): ChatDatabase => {
  const tables = createTables(schema)
  return {
    schema,
    client,
    users: createUsersRepository(client, tables),
    rooms: createRoomsRepository(client, tables, schema),
    messages: createMessagesRepository(client, tables, schema),
    rateLimits: createRateLimitsRepository(client, schema),
    changes: createChangesRepository(client, schema),
    processes: createProcessesRepository(client, schema),
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
