/** Finds the message up to which each user has read. */
import type { Message, RoomState } from '../../client/src/index.ts'

/**
 * Maps the `seq` of a message to the ids of the users who have read up to this message and no further. Omits `me`, users who
 * have read none of the loaded messages, and users who have read up to a message of their own.
 */
export const readersOf = (
  reads: RoomState['reads'],
  messages: readonly Message[],
  me: number | undefined
): ReadonlyMap<number, readonly number[]> => {
  const readers = new Map<number, number[]>()
  for (const [id, upTo] of Object.entries(reads)) {
    const userId = Number(id)
    const message = userId === me ? undefined : lastUpTo(messages, upTo)
    if (!message || message.user_id === userId) continue
    readers.set(message.seq, [...(readers.get(message.seq) ?? []), userId])
  }
  return readers
}

/** Returns the ids of the users whose position is known. */
export const readersIn = (reads: RoomState['reads']): number[] => Object.keys(reads).map(Number)

/** Returns the last message with a `seq` of up to `upTo`, by binary search. */
const lastUpTo = (messages: readonly Message[], upTo: number): Message | undefined => {
  let from = 0
  let to = messages.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((messages[middle]?.seq ?? 0) <= upTo) from = middle + 1
    else to = middle
  }
  return messages[from - 1]
}
