/** Who is in a room and who is typing there, as the service told last. */
import type { Timers } from './platform.ts'
import type { RoomState, Typist } from './room-types.ts'
import type { Frame } from './socket.ts'

export interface People {
  readonly presence: RoomState['presence']
  readonly typing: readonly Typist[]
  /** Answers whether the frame was about people. */
  hear(frame: Frame): boolean
  /** Who has sent a message is not typing any more. */
  spoke(userId: number): void
  /** Nothing is known any more. */
  forget(): void
}

export const createPeople = (timers: Timers, onChange: () => void): People => {
  let presence: RoomState['presence']
  const typists = new Map<number, Typist & { readonly cancel: () => void }>()
  let typing: readonly Typist[] = []

  const changed = (): void => {
    typing = [...typists.values()].map(({ user_id, username }) => ({ user_id, username }))
    onChange()
  }

  const spoke = (userId: number): void => {
    typists.get(userId)?.cancel()
    if (typists.delete(userId)) changed()
  }

  const hearTyping = ({ user_id, username, expires_in_ms }: Frame): void => {
    const id = Number(user_id)
    typists.get(id)?.cancel()
    const cancel = timers.after(Number(expires_in_ms), () => spoke(id))
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
    hear(frame) {
      if (frame.type === 'typing') hearTyping(frame)
      else if (frame.type === 'presence') {
        const { count, users } = frame as unknown as NonNullable<RoomState['presence']>
        presence = users ? { count, users } : { count }
        onChange()
      } else return false
      return true
    },
    spoke,
    forget() {
      presence = undefined
      for (const { cancel } of typists.values()) cancel()
      typists.clear()
      changed()
    }
  }
}
