/** Tracks who is online in a room and who is typing, from the service's presence and typing frames. */
import type { Timers } from './platform.ts'
import type { RoomState, Typist } from './room-types.ts'
import type { Frame } from './socket.ts'

export interface People {
  readonly presence: RoomState['presence']
  readonly typing: readonly Typist[]
  /** Handles presence and typing frames. Returns false for any other frame. */
  handle(frame: Frame): boolean
  /** Removes a user from the typing list, because the user has sent a message. */
  stopTyping(userId: number): void
  /** Removes all users from both lists, because the connection is lost. */
  clear(): void
}

export const createPeople = (timers: Timers, onChange: () => void): People => {
  let presence: RoomState['presence']
  const typists = new Map<number, Typist & { readonly cancel: () => void }>()
  let typing: readonly Typist[] = []

  const changed = (): void => {
    typing = [...typists.values()].map(({ user_id, username }) => ({ user_id, username }))
    onChange()
  }

  const stopTyping = (userId: number): void => {
    typists.get(userId)?.cancel()
    if (typists.delete(userId)) changed()
  }

  const handleTyping = ({ user_id, username, expires_in_ms }: Frame): void => {
    const id = Number(user_id)
    typists.get(id)?.cancel()
    const cancel = timers.after(Number(expires_in_ms), () => stopTyping(id))
    typists.set(id, { user_id: id, username: String(username), cancel })
    changed()
  }

  return {
    get presence() {
      return presence
    },
    get typing() {
      return typing
    },
    handle(frame) {
      if (frame.type === 'typing') handleTyping(frame)
      else if (frame.type === 'presence') {
        const { count, users } = frame as unknown as NonNullable<RoomState['presence']>
        presence = users ? { count, users } : { count }
        onChange()
      } else return false
      return true
    },
    stopTyping,
    clear() {
      presence = undefined
      for (const { cancel } of typists.values()) cancel()
      typists.clear()
      changed()
    }
  }
}
