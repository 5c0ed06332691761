/**
 * Defines the tables for Drizzle. A function creates the definitions, because the name of the schema is a setting. `seq` and
 * the ids of users, rooms and messages are integers below 2^53. Times are in UTC, with milliseconds. The function that appends
 * entries, in drizzle/0031_look_up_appends.sql, locks the rooms and numbers the entries.
 */
import { type SQL, sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
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
 * Returns SQL that selects a time as milliseconds since the epoch. Times are not selected as text, because the text depends on
 * the session settings. Parsing the text would also take longer than reading the rest of the row.
 * @internal
 */
export const milliseconds = (column: PgColumn): SQL<number> =>
  sql<number>`(extract(epoch from ${column}) * 1000)::double precision`

/**
 * The state of an account. A suspended user cannot log in. `deleting`: the account was deleted, and its data is still being
 * removed. `deleted`: the name, the hash and the addresses were removed. The row stays, because entries refer to it.
 */
export type UserStatus = 'active' | 'suspended' | 'deleting' | 'deleted'

/** The role of a user. An administrator manages other accounts. */
export type UserRole = 'user' | 'admin'

/**
 * The visibility of a room. A `public` room is visible to every user. A `private` or `direct` room is visible only to its
 * members. The members of a `direct` room are the same people for as long as the room exists.
 */
export type Visibility = 'public' | 'private' | 'direct'

/** The members who may add members to a private room: all `members`, or only `moderators` and owners. */
export type Invite = 'members' | 'moderators'

/** The role of a member in a room, from the lowest to the highest. */
export type MemberRole = 'member' | 'moderator' | 'owner'

/**
 * Creates the definitions of the tables of one schema. Without `schema`, the names of the tables are not qualified.
 * @internal
 */
export const createTables = (schema?: string) => {
  // `pgSchema` cannot be used, because it rejects "public". The names are qualified, because a connection of a host application
  // may have another search path.
  const table = schema === undefined ? pgTable : (new PgSchema(schema).table as unknown as typeof pgTable)

  const users = table(
    'users',
    {
      id: integer('id').primaryKey().generatedByDefaultAsIdentity({ name: 'users_id_seq' }),
      username: text('username').notNull(),
      hashedPassword: text('hashed_password'),
      externalId: text('external_id').unique('users_external_id_key'),
      displayName: text('display_name'),
      status: text('status').$type<UserStatus>().notNull().default('active'),
      generation: integer('generation').notNull().default(0),
      role: text('role').$type<UserRole>().notNull().default('user'),
      createdAt: moment('created_at').notNull().default(now)
    },
    // The index contains only registered users. Host users are identified by `external_id`, so two host users may have the same
    // name.
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
    topic: text('topic'),
    visibility: text('visibility').$type<Visibility>().notNull().default('public'),
    // True if an append must check that the author may write, which makes the append slower. See `RoomRow` in
    // src/db/repositories/room-row.ts.
    guarded: boolean('guarded').notNull().default(false),
    slowModeSeconds: integer('slow_mode_seconds').notNull().default(0),
    archived: boolean('archived').notNull().default(false),
    // Set while the rows of a deleted room are removed.
    deletedAt: moment('deleted_at'),
    invite: text('invite').$type<Invite>().notNull().default('members'),
    // Number of days for which entries are kept. Null if only MESSAGE_RETENTION_DAYS limits this time.
    retentionDays: integer('retention_days'),
    // Derived from the members of a direct room. Unique, so that the same users have only one direct room.
    directKey: text('direct_key').unique('rooms_direct_key_key'),
    epoch: text('epoch').notNull().default(sql`replace(gen_random_uuid()::text, '-', '')`),
    lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
    oldestSeq: bigint('oldest_seq', { mode: 'number' }).notNull().default(1),
    lastAt: moment('last_at').notNull().default(sql`'-infinity'`),
    createdAt: moment('created_at').notNull().default(now)
  })

  // The table has no foreign keys. With foreign keys, PostgreSQL would insert half as many rows per second in large batches
  // (docs/performance.md). Foreign keys are not needed, because the service never deletes rows of users, and deletes a room
  // only after its entries.
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

  const members = table(
    'members',
    {
      roomId: integer('room_id').notNull(),
      userId: integer('user_id').notNull(),
      role: text('role').$type<MemberRole>().notNull().default('member'),
      joinedAt: moment('joined_at').notNull().default(now),
      readSeq: bigint('read_seq', { mode: 'number' }).notNull().default(0),
      isUnread: boolean('is_unread').notNull().default(false),
      hiddenSeq: bigint('hidden_seq', { mode: 'number' })
    },
    columns => [
      primaryKey({ name: 'members_pkey', columns: [columns.roomId, columns.userId] }),
      index('members_user_id_idx').on(columns.userId, columns.roomId),
      // Finds another owner of a room without reading all its members.
      index('members_owner_idx').on(columns.roomId).where(sql`${columns.role} = 'owner'`)
    ]
  )

  // drizzle/0002_first_room.sql makes this table UNLOGGED, because the counts need not survive a crash.
  const rateLimits = table('rate_limits', {
    key: text('key').primaryKey(),
    hits: integer('hits').notNull(),
    expiresAt: moment('expires_at').notNull()
  })

  return { users, rooms, members, messages, rateLimits }
}

/**
 * The type of the tables, which is the same for every schema.
 * @internal
 */
export type Tables = ReturnType<typeof createTables>

/**
 * The tables from which drizzle-kit generates the migrations. The generated SQL is for `public`; src/db/migrate.ts applies it
 * to the configured schema.
 * @internal
 */
export const { users, rooms, members, messages, rateLimits } = createTables()
