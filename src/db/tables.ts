/**
 * Defines the tables. They are created by a function, because the name of their schema is a setting. `seq` and ids are integers
 * below 2^53; times are UTC with milliseconds. How entries are numbered and rooms locked is defined by the append function, in
 * drizzle/0008_append_entries.sql.
 */
import { type SQL, sql } from 'drizzle-orm'
import {
  bigint,
  integer,
  type PgColumn,
  PgSchema,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex
} from 'drizzle-orm/pg-core'

const now = sql`clock_timestamp()`
const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' })

/**
 * Returns SQL that selects a time as milliseconds since the epoch. The text form of a time depends on the session settings, and
 * parsing it costs more than reading the rest of the row.
 * @internal
 */
export const milliseconds = (column: PgColumn): SQL<number> =>
  sql<number>`(extract(epoch from ${column}) * 1000)::double precision`

/**
 * Creates the tables of one schema. Without `schema`, their names are not qualified.
 * @internal
 */
export const createTables = (schema?: string) => {
  // Not `pgSchema`, because it rejects "public". Names are qualified, because a host's connections may have another search path.
  const table = schema === undefined ? pgTable : (new PgSchema(schema).table as unknown as typeof pgTable)

  const users = table(
    'users',
    {
      id: integer('id').primaryKey().generatedByDefaultAsIdentity({ name: 'users_id_seq' }),
      username: text('username').notNull(),
      hashedPassword: text('hashed_password'),
      externalId: text('external_id').unique('users_external_id_key'),
      displayName: text('display_name'),
      createdAt: moment('created_at').notNull().default(now)
    },
    // Host users (those with an `external_id`) are identified by the host's id, so two of them may have the same name.
    columns => [
      uniqueIndex('users_username_key')
        .on(sql`lower(${columns.username} collate "C")`)
        .where(sql`${columns.externalId} is null`)
    ]
  )

  const rooms = table('rooms', {
    id: integer('id').primaryKey().generatedByDefaultAsIdentity({ name: 'rooms_id_seq' }),
    name: text('name').notNull().unique('rooms_name_key'),
    title: text('title'),
    epoch: text('epoch').notNull().default(sql`replace(gen_random_uuid()::text, '-', '')`),
    lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
    oldestSeq: bigint('oldest_seq', { mode: 'number' }).notNull().default(1),
    lastAt: moment('last_at').notNull().default(sql`'-infinity'`),
    createdAt: moment('created_at').notNull().default(now)
  })

  // No foreign keys: they slow an append down by a third (docs/performance.md), and the service deletes no users or rooms.
  const messages = table(
    'messages',
    {
      roomId: integer('room_id').notNull(),
      seq: bigint('seq', { mode: 'number' }).notNull(),
      id: bigint('id', { mode: 'number' }).notNull().generatedByDefaultAsIdentity({ name: 'messages_id_seq' }),
      kind: text('kind').notNull(),
      targetSeq: bigint('target_seq', { mode: 'number' }),
      userId: integer('user_id').notNull(),
      content: text('content'),
      meta: text('meta'),
      keyId: text('key_id'),
      writeId: text('write_id').notNull(),
      createdAt: moment('created_at').notNull()
    },
    columns => [
      primaryKey({ name: 'messages_pkey', columns: [columns.roomId, columns.seq] }),
      unique('messages_write_id_key').on(columns.roomId, columns.userId, columns.writeId)
    ]
  )

  // A later migration makes the table UNLOGGED: a crash may reset the counts.
  const rateLimits = table('rate_limits', {
    key: text('key').primaryKey(),
    hits: integer('hits').notNull(),
    expiresAt: moment('expires_at').notNull()
  })

  return { users, rooms, messages, rateLimits }
}

/**
 * The type of the tables, which is the same for every schema.
 * @internal
 */
export type Tables = ReturnType<typeof createTables>

/**
 * The tables from which drizzle-kit generates migrations, for `public`. src/db/migrate.ts applies them to the configured schema.
 * @internal
 */
export const { users, rooms, messages, rateLimits } = createTables()
