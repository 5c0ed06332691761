/** Appends entries to the log with a database function. `content` and `meta` are Fernet tokens here, never plaintext. */
import type { SqlClient } from '../client/types.ts'

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
  /** The unencrypted data of the entry, serialized as JSON. The kind of the entry defines the fields. */
  readonly detail?: string | null
}

/** The part of a stored entry that is compared with the new entry if a write id is used again. */
export interface StoredBody {
  readonly kind: string
  readonly targetSeq: number | null
  readonly content: string | null
  readonly meta: string | null
  /** The unencrypted data, serialized as JSON. Null for a message. */
  readonly detail: string | null
}

/**
 * The result for an entry that the database function rejected. `refused` is a code of the error catalog. `until` is the end of
 * a mute or a ban, in milliseconds since the epoch. `until` is absent if the mute or ban has no end.
 */
export interface RefusedEntry {
  readonly refused: string
  readonly until?: number
  readonly retryAfterMs?: number
}

/**
 * The result for an entry that is in the log.
 * - `stored`: the entry was appended.
 * - `erased`: the entry was appended, but a later entry of the same batch erased it.
 * - `replayed`: an entry with the same write id already existed. The other fields describe the existing entry.
 * - `unchanged`: the entry would change nothing, so it was not appended. The other fields describe the earlier entry that
 *   already had the same effect.
 */
export interface AppendedEntry {
  readonly outcome: 'stored' | 'erased' | 'replayed' | 'unchanged'
  readonly id: number
  readonly seq: number
  /** The time of the append, in milliseconds since the epoch. Never decreases within a room. */
  readonly createdAt: number
  /** The existing entry with the same write id. Null if `outcome` is not `replayed`. */
  readonly stored: StoredBody | null
  /** The stored unencrypted data, serialized as JSON. The database may have added fields, for example a count. */
  readonly detail: string | null
}

/**
 * Appends a batch in one transaction and one round trip. After the commit, resolves with one result per entry, in the order
 * of the batch. Two entries of a batch must not have the same room, user and write id. See drizzle/0031_look_up_appends.sql.
 */
export type AppendBatch = (batch: readonly NewEntry[]) => Promise<(AppendedEntry | RefusedEntry)[]>

/** A row of the result of the database function. */
export interface AppendRow extends Omit<StoredBody, 'targetSeq'> {
  readonly outcome: AppendedEntry['outcome'] | 'refused'
  readonly code: string
  readonly id: number
  readonly seq: number
  readonly ms: number
  readonly target_seq: number | null
}

/** @internal */
export const createAppendBatch = (client: SqlClient, schema: string): AppendBatch => {
  const append = `select outcome, code, id, seq, ms, kind, target_seq, content, meta, detail
    from "${schema.replaceAll('"', '""')}".chat_append_entries($1, $2, $3, $4, $5, $6, $7, $8, $9) order by ord`

  return async batch => {
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
  }
}

/** Converts an `AppendRow` to the result for its entry. */
export const resultOf = (row: AppendRow): AppendedEntry | RefusedEntry => {
  const { outcome, code, id, seq, ms: createdAt, kind, target_seq: targetSeq, content, meta, detail } = row
  if (outcome === 'refused') return refusalOf(code, detail)
  const stored = outcome === 'replayed' ? { kind, targetSeq, content, meta, detail } : null
  return { outcome, id, seq, createdAt, stored, detail }
}

const refusalOf = (refused: string, detail: string | null): RefusedEntry => {
  const { until, retry_after_ms: retryAfterMs } = JSON.parse(detail ?? '{}') as {
    until?: number
    retry_after_ms?: number
  }
  return {
    refused,
    ...(until === undefined ? {} : { until }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  }
}
