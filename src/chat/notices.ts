/** What the chat says of people and rooms, in frames and in lists. */
import type { RoomRow } from '../db/database.ts'
import type { SystemFrame, TypingNotice } from '../schemas/frames.ts'
import type { Room as RoomShown } from '../schemas/rooms.ts'
import type { Actor } from './access.ts'
import type { Room } from './room.ts'

/** How long someone is shown as typing. */
const TYPING_SHOWN_MS = 5000

const WORDS = {
  connected: (name: string) => `Connected as ${name}`,
  joined: (name: string) => `${name} joined the chat`,
  left: (name: string) => `${name} left the chat`
}

/** Who one is, who came, who left; in words too, as the FastAPI backend says it. */
export const systemFrame = (event: SystemFrame['event'], { userId, username }: Actor, room: string): SystemFrame => ({
  type: 'system',
  event,
  message: WORDS[event](username),
  room,
  user_id: userId,
  username
})

export const typingNotice = (room: string, { userId, username }: Actor): TypingNotice => ({
  type: 'typing',
  room,
  user_id: userId,
  username,
  expires_in_ms: TYPING_SHOWN_MS
})

/** A room as this process knows it. */
export const shownRoom = ({ name, title, epoch, oldest, head }: Room): RoomShown => ({
  room: name,
  title,
  epoch,
  oldest,
  seq: head
})

/** A room as the database has it. */
export const shownRow = ({ name, title, epoch, oldestSeq, lastSeq }: RoomRow): RoomShown => ({
  room: name,
  title,
  epoch,
  oldest: oldestSeq,
  seq: lastSeq
})
