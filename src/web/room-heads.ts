/** Stores what the page knows about each room, and when it was changed by something other than the list of the service. */
import { type RoomHead, UNKNOWN_HEAD } from './room-entry.ts'

export const createHeads = () => {
  const heads = new Map<string, RoomHead>()
  // When each room was last changed, as a count of these changes. A list that was requested before is out of date.
  const changedAt = new Map<string, number>()
  let changes = 0
  return {
    heads,
    /** Changes what is known about a room. Its `seq` never decreases. */
    updateHead(name: string, head: Partial<RoomHead>): void {
      const known = heads.get(name) ?? { ...UNKNOWN_HEAD, title: name }
      heads.set(name, { ...known, ...head, seq: Math.max(known.seq, head.seq ?? 0) })
    },
    markChanged: (name: string): void => void changedAt.set(name, ++changes),
    changes: (): number => changes,
    hasChangedSince: (name: string, since: number): boolean => (changedAt.get(name) ?? 0) > since
  }
}
