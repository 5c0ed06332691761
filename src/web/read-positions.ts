/** Stores how far the user has read each room, and counts the unread messages. */
import type { WebStorage } from '../../client/src/index.ts'

interface ReadPositions {
  /** Sets the position of a room that has none. */
  begin(name: string, seq: number): void
  /** Marks everything up to the entry `seq` as read. */
  read(name: string, seq: number): void
  /** Records that the entry `seq` is not a message (for example, an edit), so that `unread` does not count it. */
  countChange(name: string, seq: number): void
  /** Returns the number of unread messages if the newest entry is `head`. */
  unread(name: string, head: number): number
  /** Whether any position was stored when the page was loaded. */
  readonly isRestored: boolean
  save(): void
}

const READ_KEY = 'seen'

export const createReadPositions = (storage: WebStorage): ReadPositions => {
  const positions = load(storage)
  // The number of entries after the read position that are not messages.
  const changes = new Map<string, number>()
  return {
    begin(name, seq) {
      if (!positions.has(name)) positions.set(name, seq)
    },
    read(name, seq) {
      positions.set(name, seq)
      changes.delete(name)
    },
    countChange(name, seq) {
      if (seq > (positions.get(name) ?? Number.POSITIVE_INFINITY)) changes.set(name, (changes.get(name) ?? 0) + 1)
    },
    unread: (name, head) => Math.max(0, head - (positions.get(name) ?? head) - (changes.get(name) ?? 0)),
    isRestored: positions.size > 0,
    save: () => storage.setItem(READ_KEY, JSON.stringify([...positions]))
  }
}

/** Loads the positions. The stored value contains only room names and numbers, no messages. */
const load = (storage: WebStorage): Map<string, number> => {
  try {
    return new Map(JSON.parse(storage.getItem(READ_KEY) ?? '[]'))
  } catch {
    return new Map()
  }
}
