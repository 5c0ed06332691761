/**
 * Reads the entries of a list in batches, so that a long list needs a limited amount of memory. If the listed messages are far
 * apart, reads only these messages. If not, reads through the page cache.
 */
import type { Extent } from '../../db/database.ts'
import type { Room } from '../rooms/room.ts'
import type { Entry } from './entry.ts'
import type { PageCache } from './page-cache.ts'
import type { Places } from './runs.ts'

/**
 * Reads the entries at the positions `seqs` of a room from the database, in ascending order. Omits positions without an entry.
 */
export type ReadSome = (roomId: number, seqs: readonly number[]) => Promise<Entry[]>

export interface BatchesOptions {
  readonly pages: PageCache<Entry>
  readonly readSome: ReadSome
}

/** The first entries of a list, and the parts of the log that contain the rest of the list. */
export interface Batch {
  /** The entries that were read. Empty if all entries that should be read were deleted. */
  readonly entries: Entry[]
  readonly rest: readonly Extent[]
}

/** Approximate size in bytes of the frames that are read at a time for one response. */
export const BATCH_BYTES = 64 * 1024
/** Maximum number of messages that are read at a time if the listed messages are far apart. */
const SOME = 32

/** Creates the function that reads the next batch of a list. */
export const createBatches = ({ pages, readSome }: BatchesOptions) => {
  /** Reads the entries of runs (parts of the log) in order, until their frames have about `BATCH_BYTES` bytes. */
  const readRuns = async (room: Room, runs: readonly Extent[]): Promise<Batch> => {
    let entries: Entry[] = []
    let bytes = 0
    for (const [index, { first, last }] of runs.entries()) {
      let at = first
      while (at <= last) {
        if (bytes >= BATCH_BYTES) return { entries, rest: [{ first: at, last }, ...runs.slice(index + 1)] }
        const page = pages.past(room.id, at, room.known)
        const found = Array.isArray(page) ? page : await page
        let count = 0
        for (const { seq, frame } of found) {
          if (seq > last || bytes >= BATCH_BYTES) break
          bytes += frame.length
          count++
        }
        // The rest of this run was deleted.
        if (count === 0) break
        entries = entries.concat(found.slice(0, count))
        at = (found[count - 1]?.seq ?? last) + 1
      }
    }
    return { entries, rest: [] }
  }

  /** Reads single entries. Those on cached pages are not read from the database. */
  const readSingly = async (room: Room, seqs: readonly number[]): Promise<Entry[]> => {
    const cached = seqs.map(seq => pages.page(room.id, seq)?.entries.find(entry => entry.seq === seq))
    const missing = seqs.filter((_, at) => !cached[at])
    const read = missing.length === 0 ? [] : await readSome(room.id, missing)
    const bySeq = new Map([...cached, ...read].map(entry => [entry?.seq, entry]))
    return seqs.flatMap(seq => bySeq.get(seq) ?? [])
  }

  return async (room: Room, { runs, isSparse }: Pick<Places, 'runs' | 'isSparse'>): Promise<Batch> => {
    if (isSparse) {
      const { seqs, rest } = takeSeqs(runs, SOME)
      return { entries: await readSingly(room, seqs), rest }
    }
    return readRuns(room, runs)
  }
}

/** Returns the first `count` positions in `runs`, and the runs without these positions. */
const takeSeqs = (runs: readonly Extent[], count: number): { seqs: number[]; rest: Extent[] } => {
  const seqs: number[] = []
  const rest: Extent[] = []
  for (const { first, last } of runs) {
    const end = Math.min(last, first + count - seqs.length - 1)
    for (let seq = first; seq <= end; seq++) seqs.push(seq)
    if (end < last) rest.push({ first: end + 1, last })
  }
  return { seqs, rest }
}
