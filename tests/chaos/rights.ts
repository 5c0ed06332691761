/**
 * Computes from the log of a room when each user could read the room. Finds frames that were sent to users who could not read
 * it.
 */
import type { LogEntry } from './fold.ts'

/** The changes of a user's right to read a room. */
export interface Rights {
  /** The `seq` of each entry that removed the right. */
  readonly removals: readonly number[]
  /** The `seq` of each entry after which the user possibly has the right again. */
  readonly additions: readonly number[]
}

/** A frame that a client received, with the fields that are needed here. Acks are not included. */
export interface SeenFrame {
  readonly type: string
  readonly room?: string
  readonly seq?: number
}

const MEMBER_REMOVALS = ['removed', 'left', 'banned']
const MEMBER_ADDITIONS = ['added', 'joined']

/**
 * Returns when a user lost and regained the right to read a room. In a public room, only a ban removes this right. A ban with
 * an end also counts as an addition, because no entry reports its end.
 */
export const rightsOf = (log: readonly LogEntry[], userId: number, isPublic: boolean): Rights => {
  const own = log.filter(({ type, subject }) => type === 'membership' && subject === userId)
  const seqsOf = (isWanted: (entry: LogEntry) => boolean) => own.filter(isWanted).map(({ seq }) => seq)
  const removals = isPublic ? ['banned'] : MEMBER_REMOVALS
  const additions = isPublic ? [...MEMBER_ADDITIONS, 'unbanned'] : MEMBER_ADDITIONS
  return {
    removals: seqsOf(({ event = '' }) => removals.includes(event)),
    additions: seqsOf(
      ({ event = '', until }) => additions.includes(event) || (isPublic && event === 'banned' && until !== undefined)
    )
  }
}

/** Returns whether a user may have had the right to read the room when the entry with this `seq` was sent. */
export const mayHaveSeen = ({ removals, additions }: Rights, seq: number): boolean => {
  const removedAt = Math.max(0, ...removals.filter(at => at < seq))
  // Nothing removed the right before this entry, or an addition follows the last removal. The addition may also follow this
  // entry, because a user who is added again may subscribe from an earlier `seq`.
  return removedAt === 0 || additions.some(at => at >= removedAt)
}

/**
 * Returns a description of each frame of a connection that was sent while the user had no right to read the room, or without a
 * subscription.
 */
export const leaksOf = (frames: readonly SeenFrame[], rights: Rights): string[] => {
  const found: string[] = []
  let from: number | undefined
  for (const { type, seq } of frames) {
    if (type === 'unsubscribed') from = undefined
    else if (type === 'subscribed' || type === 'resync') {
      from = seq
      if (!mayHaveSeen(rights, (seq ?? 0) + 1)) found.push(`subscribed at ${seq} after a removal`)
    } else if (seq !== undefined && type !== 'ack') {
      if (from === undefined) found.push(`${type} ${seq} without a subscription`)
      else if (rights.removals.some(at => at > (from ?? 0) && at < seq)) found.push(`${type} ${seq} after a removal`)
    }
  }
  return found
}
