/** Exports the stored data of a user, as records or as lines of JSON (NDJSON). */
import { randomUUID } from 'node:crypto'
import type { ExportClaim, ExportOwner } from '../../db/repositories/exports.ts'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { badToken } from '../tokens/access-tokens.ts'
import { type ExportOptions, type ExportRecord, recordsOf } from './records.ts'

/** An export that this process runs for a client. */
export interface RunningExport {
  /** Pieces of UTF-8 text. The next piece is read from the database only after the consumer has taken the previous one. */
  readonly lines: AsyncGenerator<Buffer>
  /** Ends the export. Must be called when the response has ended, even if the export is not complete. */
  end(): void
}

export interface Exports {
  /** Returns all records of a user. The last record contains the number of records per type, and `complete: true`. */
  records(userId: number): AsyncGenerator<ExportRecord>
  /**
   * Begins an export for a user. Throws `rate_limited` if another export of the user is running on any process, or was
   * completed within the last hour. Throws `busy` if this process runs too many exports. Throws `invalid_token` if the session
   * has ended, or if its owner did not prove who they are within the last ten minutes.
   */
  begin(owner: ExportOwner): Promise<RunningExport>
}

export interface ExportsOptions extends ExportOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /**
   * Called with the database error if the end of an export cannot be stored. The export then ends when its lease expires, after
   * a minute.
   */
  readonly onFailure: (error: unknown) => void
}

/**
 * Duration in milliseconds of the lease of an export. If the process crashes, the next export can begin when the lease expires.
 */
const LEASE_MS = 60_000
/** Interval in milliseconds at which an export extends its lease. The export ends if its session has ended by then. */
const RENEW_MS = 1000
/** Maximum number of exports that a process runs at the same time. Each needs a database connection most of the time. */
const AT_ONCE = 4
/** Approximate size of a piece, in bytes. */
const PIECE_BYTES = 16 * 1024

export const createExports = (options: ExportsOptions): Exports => {
  const { database, clock, onFailure } = options
  let running = 0

  async function* records(userId: number): AsyncGenerator<ExportRecord> {
    const counts: Record<string, number> = {}
    for await (const record of recordsOf(options, userId)) {
      counts[record.type] = (counts[record.type] ?? 0) + 1
      yield record
    }
    yield { type: 'end', counts, complete: true }
  }

  /** Returns the lines of an export. Extends the lease of the export while they are read. */
  async function* linesOf(claim: ExportClaim): AsyncGenerator<Buffer> {
    let renewedAt = clock.monotonic()
    let piece = ''
    for await (const record of records(claim.userId)) {
      if (record.type === 'end') {
        if (!(await database.exports.complete(claim))) throw sessionEnded()
      } else if (clock.monotonic() - renewedAt >= RENEW_MS) {
        renewedAt = clock.monotonic()
        if (!(await database.exports.renew(claim, LEASE_MS))) throw sessionEnded()
      }
      piece += `${JSON.stringify(record)}\n`
      if (piece.length < PIECE_BYTES) continue
      yield Buffer.from(piece)
      piece = ''
    }
    yield Buffer.from(piece)
  }

  return {
    records,
    async begin({ userId, generation, sessionId }) {
      if (running >= AT_ONCE) {
        throw new ChatError('busy', 'Too many exports are running. Try again in a minute.', { retryAfterMs: 60_000 })
      }
      running++
      const claim = { userId, generation, sessionId, claim: randomUUID() }
      try {
        const retryAfterMs = await database.exports.begin(claim, LEASE_MS)
        if (retryAfterMs === undefined) throw badToken()
        if (retryAfterMs > 0) throw tooOften(retryAfterMs)
      } catch (error) {
        running--
        throw error
      }
      let isEnded = false
      return {
        lines: linesOf(claim),
        end() {
          if (isEnded) return
          isEnded = true
          running--
          database.exports.end(claim).catch(onFailure)
        }
      }
    }
  }
}

const sessionEnded = (): Error => new Error('The session of the export has ended.')

const tooOften = (retryAfterMs: number): ChatError =>
  new ChatError(
    'rate_limited',
    'You can export your data once an hour, and run one export at a time. Try again later.',
    {
      retryAfterMs
    }
  )
