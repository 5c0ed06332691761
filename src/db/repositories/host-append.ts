/** Appends an entry in a transaction of the host application, and lets the transaction announce the entry when it commits. */
import { ChatError } from '../../protocol/errors.ts'
import { codesOf, faultOf } from '../client/errors.ts'
import { type HostTransaction, inHostTransaction, type RunInTransaction } from '../client/host-transaction.ts'
import type { SqlClient } from '../client/types.ts'
import { type AppendedEntry, type AppendRow, type NewEntry, type RefusedEntry, resultOf } from './append.ts'

/** A notification that the transaction sends when it commits. */
export interface Announcement {
  readonly channel: string
  readonly payload: string
}

export interface HostAppend {
  /** The `epoch` of the room. Another epoch means that the transaction is on another database. */
  readonly epoch: string
  /** Returns the notification for an entry. Returns undefined if the database sends no notifications. */
  readonly announce: (seq: number) => Promise<Announcement | undefined>
}

/**
 * Appends an entry in the transaction. The lock of the room is held until the transaction ends. Rejects with a ChatError:
 * `validation_failed` if the transaction cannot be used, or `busy` if the room is locked for too long. A failed append leaves
 * the transaction usable, unless its connection was lost.
 */
export type AppendInTransaction = (
  transaction: HostTransaction,
  entry: NewEntry,
  options: HostAppend
) => Promise<AppendedEntry | RefusedEntry>

/**
 * Maximum number of attempts to append while another transaction holds the lock of the room. Each attempt waits at most one
 * second for the lock.
 */
const ATTEMPTS = 3
const DEADLOCK = '40P01'

const EMBEDDED =
  'The embedded database (PGlite) has only one session, so nothing can be appended in your transaction. Post after the commit, or use PostgreSQL.'

/** @internal */
export const createAppendInTransaction = ({ engine }: SqlClient, schema: string): AppendInTransaction => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const inspect = `select current_setting('transaction_isolation'),
    (select room.epoch from ${inSchema}.rooms as room where room.id = $1::text::integer)`
  const append = `select ${COLUMNS.map(columnOf).join(', ')} from ${inSchema}.chat_append_entries(
    array[$1::text::integer], array[$2::text::integer], array[$3::text], array[$4::text], array[$5::text::bigint],
    array[$6::text], array[$7::text], array[$8::text], array[$9::text]
  )`

  const appendIn = async (run: RunInTransaction, entry: NewEntry, { epoch, announce }: HostAppend) => {
    const [[isolation, found] = []] = await run(inspect, [String(entry.roomId)])
    if (isolation !== 'read committed') {
      throw new ChatError(
        'validation_failed',
        `The transaction has the isolation level ${isolation}. Begin it with sql.begin('isolation level read committed', …).`
      )
    }
    if (found !== epoch) {
      throw new ChatError(
        'validation_failed',
        'The transaction does not see this room. Begin it on the database of the chat, after the room was created.'
      )
    }
    const { roomId, userId, writeId, kind, targetSeq, content, meta, keyId, detail } = entry
    // All parameters are texts, because the client of the host may serialize other types in its own way.
    const texts = [String(roomId), String(userId), writeId, kind, targetSeq == null ? null : String(targetSeq)]
    const [row] = await run(append, [...texts, content, meta, keyId, detail ?? null])
    const result = row ? resultOf(rowOf(row)) : { refused: 'room_not_found' }
    const announcement = 'refused' in result ? undefined : await announce(result.seq)
    if (announcement) await run('select pg_notify($1, $2)', [announcement.channel, announcement.payload])
    return result
  }

  return async (transaction, entry, options) => {
    if (engine === 'pglite') throw new ChatError('validation_failed', EMBEDDED)
    for (let attempt = 1; ; attempt++) {
      try {
        return await inHostTransaction(transaction, run => appendIn(run, entry, options))
      } catch (cause) {
        const isLocked =
          !(cause instanceof ChatError) && (faultOf(cause) === 'locked' || codesOf(cause).includes(DEADLOCK))
        if (!isLocked) throw cause
        if (attempt < ATTEMPTS) continue
        throw new ChatError('busy', 'Another transaction holds the lock of the room. Roll back, and try again.', {
          retryAfterMs: 1000,
          cause
        })
      }
    }
  }
}

const COLUMNS = ['outcome', 'code', 'id', 'seq', 'ms', 'kind', 'target_seq', 'content', 'meta', 'detail'] as const
const NUMBERS: ReadonlySet<string> = new Set(['id', 'seq', 'ms', 'target_seq'])

/** Casts numbers to `bigint`, because the session of the host may print floating-point numbers with fewer digits. */
const columnOf = (name: string): string => (NUMBERS.has(name) ? `${name}::bigint` : name)

const rowOf = (values: readonly unknown[]): AppendRow =>
  Object.fromEntries(COLUMNS.map((name, at) => [name, values[at]])) as unknown as AppendRow
