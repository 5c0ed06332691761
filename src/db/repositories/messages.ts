/**
 * Appends entries to the log with a database function, and reads them by `seq`. `content` and `meta` are Fernet tokens here,
 * never plaintext.
 */

import { and, between, desc, eq, sql } from 'drizzle-orm'
import { MESSAGE } from '../../protocol/http/messages.ts'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables } from '../tables.ts'

/** An entry to append. If the user has already appended an entry with the same `writeId` to the room, nothing is appended. */
export interface NewEntry {
  readonly roomId: number
  readonly userId: number
  readonly writeId: string
  readonly kind: string
  /** The `seq` of the message that the entry refers to. */
  readonly targetSeq?: number | null
  readonly content: string | null
  readonly meta: string | null
  readonly keyId: string | null
  /** The unencrypted data of the entry, serialized as JSON. The kind of the entry defines the fields; messages have none. */
  readonly detail?: string | null
}

/** The part of a stored entry that is compared with the new entry if a write id is used again. */
export type StoredBody = Pick<StoredEntry, 'kind' | 'targetSeq' | 'content' | 'meta' | 'detail'>

/** The result for an entry that the database function rejected. `refused` is a code of the error catalog. */
export interface RefusedEntry {
  readonly refused: string
}

/**
 * The result for an entry that is in the log. If an entry with the same write id already existed, `replayed` is true, and the
 * other fields are those of the existing entry. Otherwise `stored` is null.
 */
export interface AppendedEntry {
  readonly id: number
  readonly seq: number
  /** In milliseconds since the epoch. Never decreases within a room. */
  readonly createdAt: number
  readonly replayed: boolean
  readonly stored: StoredBody | null
}

/** A stored entry, with the current name of its user. */
export interface StoredEntry {
  readonly id: number
  readonly roomId: number
  readonly seq: number
  readonly kind: string
  readonly targetSeq: number | null
  readonly userId: number
  readonly username: string
  readonly content: string | null
  readonly meta: string | null
  readonly keyId: string | null
  /** The unencrypted data, serialized as JSON. Null for a message. */
  readonly detail: string | null
  readonly writeId: string
  readonly createdAt: number
}

/** Appends and reads the entries of all rooms in one schema. */
export interface MessagesRepository {
  /**
   * Appends a batch in one transaction and one round trip. After the commit, resolves with one result per entry, in the order
   * of the batch. Two entries of a batch must not have the same room, user and write id. See drizzle/0010_append_messages.sql.
   */
  append(batch: readonly NewEntry[]): Promise<(AppendedEntry | RefusedEntry)[]>
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

interface AppendRow extends Omit<StoredBody, 'targetSeq'> {
  readonly outcome: 'stored' | 'replayed' | 'refused'
  readonly code: string
  readonly id: number
  readonly seq: number
  readonly ms: number
  readonly target_seq: number | null
}

/** @internal */
export const createMessagesRepository = (
  client: SqlClient,
  { messages, users }: Tables,
  schema: string
): MessagesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const append = `select outcome, code, id, seq, ms, kind, target_seq, content, meta, detail
    from ${inSchema}.chat_append_entries($1, $2, $3, $4, $5, $6, $7, $8, $9) order by ord`
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
    async append(batch) {
      const column = <Name extends keyof NewEntry>(name: Name) => batch.map(entry => entry[name] ?? null)
      const columns = [
        column('roomId'),
        column('userId'),
        column('writeId'),
        column('kind'),
        column('targetSeq'),
        column('content'),
        column('meta'),
        column('keyId'),
        column('detail')
      ]
      const rows = await client.query<AppendRow>(append, columns, { isUrgent: true })
      return rows.map(resultOf)
    },
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

const resultOf = (row: AppendRow): AppendedEntry | RefusedEntry => {
  const { outcome, code, id, seq, ms: createdAt, kind, target_seq: targetSeq, content, meta, detail } = row
  if (outcome === 'refused') return { refused: code }
  const replayed = outcome === 'replayed'
  return { id, seq, createdAt, replayed, stored: replayed ? { kind, targetSeq, content, meta, detail } : null }
}
