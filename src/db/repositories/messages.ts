/**
 * Reads the entries of the log by `seq`, each in its current state, and appends entries with append.ts. `content` and `meta` are
 * Fernet tokens here, never plaintext.
 */
import type { SqlClient } from '../client/types.ts'
import { type AppendBatch, createAppendBatch, type StoredBody } from './append.ts'
import { type AppendInTransaction, createAppendInTransaction } from './host-append.ts'
import { unplanned } from './plans.ts'

/**
 * A stored entry in its current state, with the current name of its user. If a message was edited, `content`, `meta` and `keyId`
 * are those of the newest edit.
 */
export interface StoredEntry extends StoredBody {
  readonly id: number
  readonly roomId: number
  readonly seq: number
  readonly userId: number
  readonly username: string
  readonly keyId: string | null
  readonly writeId: string
  readonly createdAt: number
  /** Present for a message that mentions users or was changed. Absent for any other message, and for an entry of another kind. */
  readonly state?: MessageState | null
  /** True for an edit that a later edit replaced. */
  readonly isSuperseded?: boolean
}

/** The mentions of a message, and the effects of all entries that refer to the message. */
export interface MessageState {
  /** The `seq` of the last entry that changed the message, or of the message itself if it was not changed. */
  readonly changedSeq: number
  /** When the message was edited, in milliseconds since the epoch. */
  readonly editedAt: number | null
  /** The ids of the mentioned users. */
  readonly mentions: readonly number[] | null
  /** The number of reactions with each key. */
  readonly reactions: Readonly<Record<string, number>> | null
  /** The `seq` of the entry that pinned the message. Null if it is not pinned. */
  readonly pinSeq: number | null
}

/** Appends and reads the entries of all rooms in one schema. */
export interface MessagesRepository {
  readonly append: AppendBatch
  readonly appendInTransaction: AppendInTransaction
  /**
   * Finds the last `count` messages up to the entry `to`. If `withNotices` is true, finds the last `count` messages and notices.
   * Returns them as runs of consecutive entries, in ascending order. See `isNoticeKind`.
   */
  runsBefore(roomId: number, to: number, count: number, withNotices?: boolean): Promise<Extent[]>
  /** Like `runsBefore`, but finds the first `count` messages, or messages and notices, from the entry `from` to the entry `to`. */
  runsAfter(roomId: number, from: number, to: number, count: number, withNotices?: boolean): Promise<Extent[]>
  /** Returns the entries of a room with `from <= seq <= to`, in ascending order. */
  range(roomId: number, from: number, to: number): Promise<StoredEntry[]>
  /**
   * Returns the entries with the given values of `seq`, in ascending order. The values must be distinct. Omits entries that do
   * not exist.
   */
  some(roomId: number, seqs: readonly number[]): Promise<StoredEntry[]>
  /**
   * Returns the entries at `places`, each in a different room, in no particular order. Omits entries that do not exist. With
   * `userId`, also omits the entries of rooms in which this user is not a member.
   */
  oneOfEach(places: readonly Place[], userId?: number): Promise<StoredEntry[]>
  /**
   * Returns the lowest and the highest `seq` among the stored entries with `from <= seq <= to`. `listed` selects the kinds of
   * the entries. Returns `undefined` if there is no such entry.
   */
  extent(roomId: number, from: number, to: number, listed?: Listed): Promise<Extent | undefined>
  /** Returns the pinned messages of a room, the newest pin first. */
  pins(roomId: number, page: PinPage): Promise<PinRow[]>
}

/** Which entries a list contains: all entries, only messages, or messages and notices. See `isNoticeKind`. */
export type Listed = 'all' | 'messages' | 'notices'

/** Selects at most `limit` pins with `pinSeq < before` and `pinSeq <= upTo`. */
export interface PinPage {
  readonly before: number
  readonly upTo: number
  readonly limit: number
}

/** A pinned message. `pinSeq` is the entry that pinned it. */
export interface PinRow {
  readonly seq: number
  readonly pinSeq: number
}

/** The position of an entry. */
export interface Place {
  readonly roomId: number
  readonly seq: number
}

/** The lowest and the highest `seq` in a part of a log. */
export interface Extent {
  readonly first: number
  readonly last: number
}

/** A row of the query for entries. `more` is JSON, or null for a message without a state. */
interface Row extends Omit<StoredEntry, 'state' | 'detail' | 'isSuperseded'> {
  readonly more: string | null
}

/**
 * The parsed `more` of a row: the state and the newest edit of a message, or the fields that only entries of other kinds have.
 */
interface More {
  readonly state?: MessageState
  /** True for a message that was edited. */
  readonly isEdited?: boolean
  readonly edit?: Pick<StoredEntry, 'content' | 'meta' | 'keyId'> | null
  readonly detail?: object | null
  /** For an edit: the `seq` of the newest edit of the same message. */
  readonly newestEdit?: number | null
  /** True for an edit whose message was erased. */
  readonly isErased?: boolean
}

/**
 * Maximum length of a token, in bytes. The service never stores a longer token. Longer text in the column is not read, because
 * it could exhaust the memory of the process.
 */
const MAX_TOKEN_BYTES = 1024 * 1024

/** Maximum number of positions that `range` reads. A page of the page cache has fewer. */
const MAX_RANGE = 128

/** @internal */
export const createMessagesRepository = (client: SqlClient, schema: string): MessagesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const runsBefore = `select first, last from ${inSchema}.chat_listed_before($1, $2, $3, $4)`
  const runsAfter = `select first, last from ${inSchema}.chat_listed_after($1, $2, $3, $4, $5)`
  const listed = unplanned('$4::text')
  // The order makes PostgreSQL use the primary key, and `limit` makes it read no more than needed.
  const end = (order: string): string => `(
      select entry.seq from ${inSchema}.messages as entry where room_id = $1 and seq between ${unplanned('$2::bigint')} and ${unplanned('$3::bigint')} and (
        kind = 'message' or ${listed} = 'all' or (${listed} = 'notices' and exists (
          select from ${inSchema}.others as other
          where other.room_id = entry.room_id and other.seq = entry.seq and other.is_notice offset 0
        ))
      ) order by entry.seq ${order} limit 1
    )::double precision`
  const extent = `select ${end('asc')} as first, ${end('desc')} as last`
  // With `seq + 0`, PostgreSQL uses the index of the pins, and not the primary key.
  const pins = `select seq::double precision, pin_seq::double precision as "pinSeq" from ${inSchema}.message_state
    where room_id = $1 and pin_seq is not null and pin_seq < $2 and pin_seq <= $3
      and seq + 0 >= (select oldest_seq from ${inSchema}.rooms where id = $1) order by pin_seq desc limit $4`
  // Subqueries look up `more` for each entry, because a join could read whole tables. `more` is a single column for several
  // fields, because receiving another column takes longer than the look-up.
  const entries = (source: string, condition: string): string => `
    select entry.id::double precision, entry.room_id as "roomId", entry.seq::double precision, entry.kind,
      entry.target_seq::double precision as "targetSeq", entry.user_id as "userId", entry.write_id as "writeId",
      ${milliseconds('entry.created_at')} as "createdAt",
      -- The entries of a deleted user are kept, because clients cannot handle gaps in the log.
      coalesce((select username from ${inSchema}.users where users.id = entry.user_id), 'deleted user') as username,
      ${token('entry.content')} as content, ${token('entry.meta')} as meta, entry.key_id as "keyId",
      case entry.kind when 'message' then (
        select json_build_object(
          'state', json_build_object(
            'changedSeq', state.changed_seq, 'editedAt', extract(epoch from state.edited_at) * 1000,
            'mentions', state.mentions, 'reactions', state.reactions, 'pinSeq', state.pin_seq
          ),
          'isEdited', state.edit_seq is not null,
          'edit', (
            select json_build_object(
              'content', ${token('edit.content')}, 'meta', ${token('edit.meta')}, 'keyId', edit.key_id
            ) from ${inSchema}.messages as edit
            where edit.room_id = entry.room_id and edit.seq between state.edit_seq and state.edit_seq
            order by edit.seq limit 1
          )
        )::text from ${inSchema}.message_state as state where state.room_id = entry.room_id and state.seq = entry.seq
      ) else (
        select json_build_object(
          'detail', other.detail,
          'newestEdit', (
            select edited.edit_seq from ${inSchema}.message_state as edited
            where edited.room_id = entry.room_id and edited.seq = other.edit_of
          ),
          'isErased', other.edit_of is not null and (
            select edited.content from ${inSchema}.messages as edited
            where edited.room_id = entry.room_id and edited.seq between other.edit_of and other.edit_of
            order by edited.seq limit 1
          ) is null
        )::text from ${inSchema}.others as other where other.room_id = entry.room_id and other.seq = entry.seq
      ) end as more
    from ${source} as entry where ${condition} order by entry.seq`
  // `limit` keeps the estimated cost low, so that PostgreSQL does not compile the query (JIT).
  const range = `${entries(
    `${inSchema}.messages`,
    `entry.room_id = $1 and entry.seq between ${unplanned('$2::bigint')} and ${unplanned('$3::bigint')}`
  )} limit ${MAX_RANGE}`
  // The range of one `seq` and the order make PostgreSQL look up each entry by the primary key. See drizzle/0030_look_ups.sql.
  const reader = unplanned('$3::integer')
  const oneOfEach = entries(
    `unnest(${unplanned('$1::integer[]')}, ${unplanned('$2::bigint[]')}) as wanted (room_id, seq) cross join lateral (
      select message.* from ${inSchema}.messages as message
      where message.room_id = wanted.room_id and message.seq between wanted.seq and wanted.seq
      order by message.seq limit 1
    )`,
    `${reader} is null or exists (
      select from ${inSchema}.members as member where member.room_id = entry.room_id and member.user_id = ${reader} offset 0
    )`
  )

  const lookUp = async (places: readonly Place[], userId: number | null = null): Promise<StoredEntry[]> => {
    const rooms = places.map(({ roomId }) => roomId)
    const rows = await client.query<Row>(oneOfEach, [rooms, places.map(({ seq }) => seq), userId])
    return rows.map(entryOf)
  }

  return {
    append: createAppendBatch(client, schema),
    appendInTransaction: createAppendInTransaction(client, schema),
    async range(roomId, from, to) {
      if (to - from >= MAX_RANGE) throw new RangeError(`At most ${MAX_RANGE} positions can be read at a time.`)
      return (await client.query<Row>(range, [roomId, from, to])).map(entryOf)
    },
    some: (roomId, seqs) => lookUp(seqs.map(seq => ({ roomId, seq }))),
    oneOfEach: lookUp,
    runsBefore: async (roomId, to, count, withNotices = false) =>
      (await client.query<Extent>(runsBefore, [roomId, to, count, withNotices])).reverse(),
    runsAfter: (roomId, from, to, count, withNotices = false) =>
      client.query<Extent>(runsAfter, [roomId, from, to, count, withNotices]),
    pins: (roomId, { before, upTo, limit }) => client.query<PinRow>(pins, [roomId, before, upTo, limit]),
    async extent(roomId, from, to, listed = 'all') {
      const [row] = await client.query<{ first: number | null; last: number | null }>(extent, [
        roomId,
        from,
        to,
        listed
      ])
      return row && row.first !== null && row.last !== null ? { first: row.first, last: row.last } : undefined
    }
  }
}

/**
 * Returns SQL that replaces a token that is too long with an empty text. The entry is then treated like one that cannot be
 * decrypted. PostgreSQL computes the length without reading the text.
 */
const token = (text: string): string => `case when octet_length(${text}) > ${MAX_TOKEN_BYTES} then '' else ${text} end`

/** Returns SQL that converts a time to milliseconds since the epoch. See `milliseconds` in tables.ts. */
const milliseconds = (time: string): string => `(extract(epoch from ${time}) * 1000)::double precision`

const NO_TEXT = { content: null, meta: null, keyId: null }

const entryOf = ({ more: json, ...entry }: Row): StoredEntry => {
  if (json === null) return { ...entry, detail: null }
  const { state, isEdited, edit, detail, newestEdit, isErased }: More = JSON.parse(json)
  return {
    ...entry,
    // An erased message has no text, even if an edit of the message still has text. If the newest edit was deleted from the
    // table, the first text must not be shown instead, because the author has replaced it.
    ...(isEdited && entry.content !== null ? (edit ?? NO_TEXT) : {}),
    ...(isErased ? NO_TEXT : {}),
    detail: detail ? JSON.stringify(detail) : null,
    ...(state ? { state } : {}),
    ...(newestEdit && newestEdit !== entry.seq ? { isSuperseded: true } : {})
  }
}
