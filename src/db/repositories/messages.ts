/** The log: appended by the database's own function, read by place. Content and meta are Fernet tokens here, never text. */

import { and, between, desc, eq, sql } from 'drizzle-orm'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables } from '../tables.ts'

/** An entry to append. `writeId` makes it single within its room and user. */
export interface NewEntry {
  readonly roomId: number
  readonly userId: number
  readonly writeId: string
  readonly kind: string
  readonly content: string | null
  readonly meta: string | null
  readonly keyId: string | null
}

/** Where an entry stands. `stored` is what its write id had stored before, and null when it was new. */
export interface AppendedEntry {
  readonly id: number
  readonly seq: number
  /** Milliseconds since the epoch; never goes back within a room. */
  readonly createdAt: number
  readonly replayed: boolean
  readonly stored: { readonly content: string | null; readonly meta: string | null } | null
}

/** An entry as it is stored, with its user's name as it is now. */
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

/** The log of one schema. */
export interface MessagesRepository {
  /**
   * Appends a batch, all or nothing, in one round trip; answers in the batch's order after the commit. No write id may be
   * in a batch twice. See drizzle/0001_append_function.sql.
   */
  append(batch: readonly NewEntry[]): Promise<AppendedEntry[]>
  /** The newest entries of a room, oldest first. */
  newest(roomId: number, limit: number): Promise<StoredEntry[]>
  /** The entries of a room with `from <= seq <= to`, ascending. */
  range(roomId: number, from: number, to: number): Promise<StoredEntry[]>
  /** The first and the last `seq` that a room has with `from <= seq <= to`; `undefined` when it has none. */
  extent(roomId: number, from: number, to: number): Promise<Extent | undefined>
}

/** Where a part of a log begins and ends. */
export interface Extent {
  readonly first: number
  readonly last: number
}

/** No token of ours is so long, in bytes. A longer text in its column is not read: one row must not fill the memory. */
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
 * Makes the repository.
 * @internal
 */
export const createMessagesRepository = (
  client: SqlClient,
  { messages, users }: Tables,
  schema: string
): MessagesRepository => {
  const append = `select id, seq, ms, replayed, content, meta
    from "${schema.replaceAll('"', '""')}".chat_append($1, $2, $3, $4, $5, $6, $7) order by ord`

  // Its length is known without reading it; an empty text is one that no key opens.
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
    // An entry stays in its place, whoever is gone: a log with a hole could not be read on.
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
