/** Hides the errors of changes whose message was deleted. The errors would only confuse, because nothing is left to change. */
import { useEffect, useMemo } from 'preact/hooks'
import type { Message, OutgoingChange, Room, RoomState } from '../../client/src/index.ts'

/** Returns whether a change has failed and its message was deleted (before or after the failure). */
export const isObsolete = ({ status, error, target }: OutgoingChange, messages: readonly Message[]): boolean =>
  status === 'failed' &&
  // The error `already_deleted` may arrive before the entry of the deletion.
  (error?.code === 'already_deleted' ||
    messages.some(({ seq, content, unavailable }) => seq === target && content === null && unavailable === 'erased'))

/** Returns the user's unconfirmed changes without the obsolete ones. Discards the obsolete ones. */
export const useCurrentChanges = (room: Room, { changes, messages }: RoomState): readonly OutgoingChange[] => {
  const current = useMemo(() => changes.filter(change => !isObsolete(change, messages)), [changes, messages])
  useEffect(() => {
    for (const change of changes) if (!current.includes(change)) room.discard(change.nonce)
  }, [changes, current])
  return current
}
