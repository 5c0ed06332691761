/**
 * Reads the entries of the log by `seq`, and appends entries with append.ts. `content` and `meta` are Fernet tokens here, never
 * plaintext.
 */
import { and, between, desc, eq, sql } from 'drizzle-orm'
import { MESSAGE } from '../../protocol/http/messages.ts'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables } from '../tables.ts'
import { type AppendBatch, createAppendBatch, type StoredBody } from './append.ts'

/** A stored entry, with the current name of its user. */
export interface StoredEntry extends StoredBody {
  readonly id: number
  readonly roomId: number
  readonly seq: number
  readonly userId: number
  readonly username: string
  readonly keyId: string | null
  readonly writeId: string
  readonly createdAt: number
}

/** Appends and reads the entries of all rooms in one schema. */
export interface MessagesRepository {
  readonly append: AppendBatch
  /** Returns the newest entries of a room, at most `limit`, in ascending order. */
  newest(roomId: number, limit: number): Promise<StoredEntry[]>
  /**
   * Returns the `seq` from which a range up to `to` contains `count` messages. Returns less than 1 if there are fewer messages.
   * Entries of other kinds in the range are not counted.
   */
  messagesFrom(roomId: number, to: number, count: number): Promise<number>
  /** Returns the entries of a room with `from <= seq <= to`, in ascending order. */
  range(roomId: number, from: number, to: number): Promise<StoredEntry[]>
  /** Returns the lowest and the highest stored `seq` with `from <= seq <= to`; `undefined` if there is no such entry. */
  extent(roomId: number, from: number, to: number): Promise<Extent | undefined>
}

/** The lowest and the highest `seq` in a part of a log. */
export interface Extent {
  readonly first: number
  readonly last: number
}

/**
 * Maximum length of a token, in bytes. The service never stores a longer one. Longer text in the column is not read, because it
 * could exhaust the memory of the process.
 */
const MAX_TOKEN_BYTES = 1024 * 1024

/** @internal */
export const createMessagesRepository = (
  client: SqlClient,
  { messages, users }: Tables,
  schema: string
): MessagesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const details = `select seq::double precision, detail::text from ${inSchema}.others
    where room_id = $1 and seq = any($2::bigint[]) and detail is not null`
  const messagesFrom = `select ${inSchema}.chat_messages_from($1, $2, $3)::double precision as "from"`

  // Selects an empty text, which cannot be decrypted, instead of a text that is too long. PostgreSQL computes the length
  // without reading the text.
  const token = (column: Tables['messages']['content'] | Tables['messages']['meta']) =>
    sql<
      string | null
    >`case when octet_length(${column}) > ${sql.raw(String(MAX_TOKEN_BYTES))} then '' else ${column} end`

  const stored = {
    id: messages.id,
    roomId: messages.roomId,
    seq: messages.seq,
    kind: messages.kind,
    targetSeq: messages.targetSeq,
    userId: messages.userId,
    // The entries of a deleted user are kept, because clients cannot handle gaps in the log. So the queries use a left join.
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

  /** Adds `detail` to the entries. Messages have no details, so a page with only messages needs no second query. */
  const withDetails = async (roomId: number, rows: Omit<StoredEntry, 'detail'>[]): Promise<StoredEntry[]> => {
    const others = rows.filter(({ kind }) => kind !== MESSAGE).map(({ seq }) => seq)
    const found =
      others.length > 0 ? await client.query<{ seq: number; detail: string }>(details, [roomId, others]) : []
    const bySeq = new Map(found.map(({ seq, detail }) => [seq, detail]))
    return rows.map(row => ({ ...row, detail: bySeq.get(row.seq) ?? null }))
  }

  return {
    append: createAppendBatch(client, schema),
    range: async (roomId, from, to) => withDetails(roomId, await range.execute({ roomId, from, to })),
    async messagesFrom(roomId, to, count) {
      const [row] = await client.query<{ from: number }>(messagesFrom, [roomId, to, count])
      return row?.from ?? 1
    },
    async extent(roomId, from, to) {
      const [row] = await extent.execute({ roomId, from, to })
      return row && row.first !== null && row.last !== null ? { first: row.first, last: row.last } : undefined
    },
    newest: async (roomId, limit) => withDetails(roomId, (await newest.execute({ roomId, limit })).reverse())
  }
}
