/** Implements the log in memory with the guarantees of the database, for unit tests. Several chats may share one log. */
import type {
  AppendedEntry,
  MessagesRepository,
  ReactionsRepository,
  RoomRow,
  RoomsRepository,
  StoredEntry
} from '../../src/db/database.ts'

export interface MemoryLog {
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  /** Always returns no reactions. */
  readonly reactions: ReactionsRepository
  /** Returns the last `seq` of a room. */
  head(roomId: number): number
}

const tick = (): Promise<void> => new Promise(setImmediate)

/** Creates a log with the named rooms, all empty. */
export const createMemoryLog = (names: readonly string[]): MemoryLog => {
  const entries = new Map<number, StoredEntry[]>()
  /** Maps the room, user and write id of each entry to the entry. */
  const written = new Map<string, StoredEntry>()
  const rows = names.map((name, at) => ({
    id: at + 1,
    name,
    title: null,
    topic: null,
    visibility: 'public' as const,
    epoch: 'e',
    oldestSeq: 1
  }))
  const entriesOf = (roomId: number): StoredEntry[] => {
    const known = entries.get(roomId) ?? []
    entries.set(roomId, known)
    return known
  }
  const rowOf = (row: (typeof rows)[number]): RoomRow => ({ ...row, lastSeq: entriesOf(row.id).length })

  const append: MessagesRepository['append'] = async batch => {
    await tick()
    const appended = batch.map((entry): AppendedEntry => {
      const log = entriesOf(entry.roomId)
      const write = `${entry.roomId} ${entry.userId} ${entry.writeId}`
      const known = written.get(write)
      if (known) return { ...known, outcome: 'replayed', stored: known }
      const seq = log.length + 1
      const clear = { targetSeq: entry.targetSeq ?? null, detail: entry.detail ?? null }
      const stored = { ...entry, ...clear, id: seq, seq, username: `user-${entry.userId}`, createdAt: seq }
      log.push(stored)
      written.set(write, stored)
      return { outcome: 'stored', id: seq, seq, createdAt: seq, stored: null, detail: clear.detail }
    })
    await tick()
    return appended
  }

  return {
    head: roomId => entriesOf(roomId).length,
    rooms: {
      findByName: async name => {
        const row = rows.find(one => one.name === name)
        await tick()
        return row && rowOf(row)
      },
      findByNames: async names => {
        const wanted = new Set(names)
        await tick()
        return rows.filter(({ name }) => wanted.has(name)).map(rowOf)
      },
      findFor: async wanted => {
        await tick()
        const row = rows.find(({ id }) => id === wanted)
        return row && { ...rowOf(row), role: null }
      },
      search: async () => ({ rooms: rows.map(row => ({ ...rowOf(row), role: null })), upTo: null }),
      ensureDirect: () => Promise.reject(new Error('The log in memory cannot create rooms.')),
      create: () => Promise.reject(new Error('The log in memory cannot create rooms.')),
      reach: async wanted => {
        await tick()
        const row = rows.find(({ id }) => id === wanted)
        return row && rowOf(row)
      },
      changed: async known => {
        await tick()
        return known.flatMap(({ id, lastSeq }) => {
          const row = rows[id - 1]
          return row && entriesOf(id).length !== lastSeq ? rowOf(row) : []
        })
      },
      locked: async () => []
    },
    reactions: { own: async () => new Map(), page: async () => [] },
    messages: {
      appendInTransaction: () => Promise.reject(new Error('The log in memory has no transactions.')),
      append,
      async extent(roomId, from, to) {
        const found = entriesOf(roomId).filter(({ seq }) => seq >= from && seq <= to)
        await tick()
        const [first, last] = [found.at(0), found.at(-1)]
        return first && last && { first: first.seq, last: last.seq }
      },
      runsBefore: async (_, to, count) => [{ first: Math.max(1, to - count + 1), last: to }],
      runsAfter: async (_, from, to, count) => [{ first: from, last: Math.min(to, from + count - 1) }],
      oneOfEach: async places =>
        places.flatMap(({ roomId, seq }) => entriesOf(roomId).filter(entry => entry.seq === seq)),
      pins: async () => [],
      some: async (roomId, seqs) => entriesOf(roomId).filter(({ seq }) => seqs.includes(seq)),
      async range(roomId, from, to) {
        await tick()
        return entriesOf(roomId).slice(from - 1, to)
      }
    }
  }
}
