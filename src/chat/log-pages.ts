/**
 * The recent window: entries of the log as they go out, kept in pages of a fixed place (1-64, 65-128, …). A page is filled
 * from the database once, whoever asks and however many ask at once, or by what is delivered here; the least recently read
 * pages make room for others. So a thousand clients that come back read the same few pages, once.
 */

/** An entry as it is delivered; `bytes` is what it weighs. */
export interface Placed {
  readonly seq: number
  readonly bytes: number
}

/** Reads entries from the log: those with `from <= seq <= to`, ascending, all of them. */
export type ReadLog<Entry> = (roomId: number, from: number, to: number) => Promise<Entry[]>

export interface LogPagesOptions<Entry> {
  readonly read: ReadLog<Entry>
  /** The most that all pages may weigh together. */
  readonly maxBytes?: number
  readonly pageSize?: number
}

/** The pages of all rooms. */
export interface LogPages<Entry> {
  /** The bytes that are kept. */
  readonly bytes: number
  /** Adds an entry that was just committed here or read: only where it continues its page, else it is left to be read. */
  add(roomId: number, entry: Entry): void
  /**
   * Entries from `from` on, at most to the end of its page and to `head`: at once when they are kept, else when they are
   * read. Never empty for `from <= head`, unless the log no longer has them.
   */
  from(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /** The entries with `from <= seq <= to` if all of them are kept. */
  peek(roomId: number, from: number, to: number): Entry[] | undefined
  /** Forgets a room's pages. */
  forget(roomId: number): void
}

interface Page<Entry> {
  /** Contiguous, ascending. */
  entries: Entry[]
  bytes: number
}

const MAX_BYTES = 64 * 1024 * 1024
const PAGE_SIZE = 64

/** Makes the window. */
export const createLogPages = <Entry extends Placed>({
  read,
  maxBytes = MAX_BYTES,
  pageSize = PAGE_SIZE
}: LogPagesOptions<Entry>): LogPages<Entry> => {
  // A Map keeps its order of insertion: what is read is moved to the end, what is dropped comes from the front.
  const pages = new Map<string, Page<Entry>>()
  const reading = new Map<string, Promise<Entry[]>>()
  let bytes = 0

  const numberOf = (seq: number): number => Math.floor((seq - 1) / pageSize)
  const keyOf = (roomId: number, seq: number): string => `${roomId}/${numberOf(seq)}`

  const drop = (key: string): void => {
    bytes -= pages.get(key)?.bytes ?? 0
    pages.delete(key)
  }

  const trim = (): void => {
    for (const oldest of pages.keys()) {
      if (bytes <= maxBytes) break
      drop(oldest)
    }
  }

  const keep = (key: string, entries: Entry[]): void => {
    drop(key)
    const page = { entries, bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0) }
    pages.set(key, page)
    bytes += page.bytes
    trim()
  }

  const load = (roomId: number, from: number, head: number): Promise<Entry[]> => {
    const key = keyOf(roomId, from)
    const first = numberOf(from) * pageSize + 1
    const last = Math.min(first + pageSize - 1, head)
    const running = reading.get(`${key}-${last}`)
    if (running) return running
    const loading = read(roomId, first, last).finally(() => reading.delete(`${key}-${last}`))
    reading.set(`${key}-${last}`, loading)
    return loading.then(entries => {
      // What was added meanwhile goes further than what was read.
      const known = pages.get(key)?.entries ?? []
      const end = entries.at(-1)?.seq ?? 0
      const joined = [...entries, ...known.filter(({ seq }) => seq > end)]
      if (isContiguous(joined)) keep(key, joined)
      return entries
    })
  }

  return {
    get bytes() {
      return bytes
    },
    add(roomId, entry) {
      const key = keyOf(roomId, entry.seq)
      const page = pages.get(key)
      if (!page) return keep(key, [entry])
      if (page.entries.at(-1)?.seq !== entry.seq - 1) return
      page.entries.push(entry)
      page.bytes += entry.bytes
      bytes += entry.bytes
      trim()
    },
    from(roomId, from, head) {
      const key = keyOf(roomId, from)
      const page = pages.get(key)
      const first = page?.entries[0]?.seq ?? Number.POSITIVE_INFINITY
      const last = page?.entries.at(-1)?.seq ?? 0
      if (page && first <= from && from <= last) {
        pages.delete(key)
        pages.set(key, page)
        return page.entries.slice(from - first, head - first + 1)
      }
      return load(roomId, from, head).then(entries => entries.filter(({ seq }) => seq >= from && seq <= head))
    },
    peek(roomId, from, to) {
      const found: Entry[] = []
      for (let at = from; at <= to; at = (numberOf(at) + 1) * pageSize + 1) {
        const entries = pages.get(keyOf(roomId, at))?.entries ?? []
        const first = entries[0]?.seq ?? Number.POSITIVE_INFINITY
        if (first > at) return undefined
        found.push(...entries.slice(at - first, to - first + 1))
      }
      return found.length === to - from + 1 ? found : undefined
    },
    forget(roomId) {
      for (const key of pages.keys()) if (key.startsWith(`${roomId}/`)) drop(key)
    }
  }
}

const isContiguous = (entries: readonly Placed[]): boolean =>
  entries.every(({ seq }, at) => at === 0 || seq === (entries[at - 1]?.seq ?? 0) + 1)
