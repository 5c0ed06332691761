/** Appends to the log with a function of the database, and reads it by `seq`. Content and meta are Fernet tokens here, never text. */

import { and, between, desc, eq, sql } from 'drizzle-orm'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables } from '../tables.ts'

/** Describes an entry to append. `writeId` is unique within its room and user. */
export interface NewEntry {
  readonly roomId: number
  readonly userId: number
  readonly writeId: string
  readonly kind: string
  readonly content: string | null
  readonly meta: string | null
  readonly keyId: string | null
}

/** Describes an appended entry. `stored` is what an earlier entry of this write id contains; null if the entry is new. */
export interface AppendedEntry {
  readonly id: number
  readonly seq: number
  /** Holds the time in milliseconds since the epoch; never decreases within a room. */
  readonly createdAt: number
  readonly replayed: boolean
  readonly stored: { readonly content: string | null; readonly meta: string | null } | null
}

/** Describes a stored entry, with the current name of its user. */
export interface StoredEntry {
  readonly id: number
  readonly roomId: number
  readonly seq: number
  readonly kind: string
  readonly userId: number
  readonly username: string
  readonly content: string | null
  readonly meta: string | null
  readonly keyId: string | null
  readonly writeId: string
  readonly createdAt: number
}

/** Reads and writes the log of one schema. */
export interface MessagesRepository {
  /**
   * Appends a batch atomically, in one round trip. Returns the entries in the order of the batch, after the commit. A write id
   * must not occur twice in a batch. See drizzle/0001_append_function.sql.
   */
  append(batch: readonly NewEntry[]): Promise<AppendedEntry[]>
  /** Returns the newest entries of a room, oldest first. */
  newest(roomId: number, limit: number): Promise<StoredEntry[]>
  /** Returns the entries of a room with `from <= seq <= to`, ascending. */
  range(roomId: number, from: number, to: number): Promise<StoredEntry[]>
  /** Returns the first and the last `seq` of a room with `from <= seq <= to`; `undefined` if there is none. */
  extent(roomId: number, from: number, to: number): Promise<Extent | undefined>
}

/** Describes where a part of a log begins and ends. */
export interface Extent {
  readonly first: number
  readonly last: number
}

/** Limits the length of a token, in bytes. A longer text in its column is not ours and is not read, to protect the memory. */
const MAX_TOKEN_BYTES = 1024 * 1024

interface AppendRow {
  readonly id: number
  readonly seq: number
  readonly ms: number
  readonly replayed: boolean
  readonly content: string | null
  readonly meta: string | null
}

/**
 * Creates the repository.
 * @internal
 */
export const createMessagesRepository = (
  client: SqlClient,
  { messages, users }: Tables,
  schema: string
): MessagesRepository => {
  const append = `select id, seq, ms, replayed, content, meta
    from "${schema.replaceAll('"', '""')}".chat_append($1, $2, $3, $4, $5, $6, $7) order by ord`

  // The length is computed without reading the text. No key decrypts an empty text.
  const token = (column: Tables['messages']['content'] | Tables['messages']['meta']) =>
    sql<
      string | null
    >`case when octet_length(${column}) > ${sql.raw(String(MAX_TOKEN_BYTES))} then '' else ${column} end`

  const stored = {
    id: messages.id,
    roomId: messages.roomId,
    seq: messages.seq,
    kind: messages.kind,
    userId: messages.userId,
    // The entries of a deleted user stay: clients could not read past a gap in the log.
    username: sql<string>`coalesce(${users.username}, 'deleted user')`,
    content: token(messages.content),
    meta: token(messages.meta),
    keyId: messages.keyId,
    writeId: messages.writeId,
    createdAt: milliseconds(messages.createdAt)
  }

  const range = client.drizzle
    .select(stored)
    .from(messages)
    .leftJoin(users, eq(users.id, messages.userId))
    .where(
      and(
        eq(messages.roomId, sql.placeholder('roomId')),
        between(messages.seq, sql.placeholder('from'), sql.placeholder('to'))
      )
    )
    .orderBy(messages.seq)
    .prepare('chat_range')

  const extent = client.drizzle
    .select({
      first: sql<number | null>`min(${messages.seq})::double precision`,
      last: sql<number | null>`max(${messages.seq})::double precision`
    })
    .from(messages)
    .where(
      and(
        eq(messages.roomId, sql.placeholder('roomId')),
        between(messages.seq, sql.placeholder('from'), sql.placeholder('to'))
      )
    )
    .prepare('chat_extent')

  const newest = client.drizzle
    .select(stored)
    .from(messages)
    .leftJoin(users, eq(users.id, messages.userId))
    .where(eq(messages.roomId, sql.placeholder('roomId')))
    .orderBy(desc(messages.seq))
    .limit(sql.placeholder('limit'))
    .prepare('chat_newest')

  return {
    async append(batch) {
      const column = <Name extends keyof NewEntry>(name: Name) => batch.map(entry => entry[name])
      const columns = [
        column('roomId'),
        column('userId'),
        column('writeId'),
        column('kind'),
        column('content'),
        column('meta'),
        column('keyId')
      ]
      const rows = await client.query<AppendRow>(append, columns, { isUrgent: true })
      return rows.map(({ id, seq, ms, replayed, content, meta }) => ({
        id,
        seq,
        createdAt: ms,
        replayed,
        stored: replayed ? { content, meta } : null
      }))
    },
    range: (roomId, from, to) => range.execute({ roomId, from, to }),
    async extent(roomId, from, to) {
      const [row] = await extent.execute({ roomId, from, to })
      return row && row.first !== null && row.last !== null ? { first: row.first, last: row.last } : undefined
    },
    newest: async (roomId, limit) => (await newest.execute({ roomId, limit })).reverse()
  }
}
