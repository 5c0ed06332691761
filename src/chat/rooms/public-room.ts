/** Converts rooms to the form that clients receive. */
import type { RoomRow } from '../../db/database.ts'
import type { Room as RoomShown } from '../../protocol/http/rooms.ts'
import type { Room } from './room.ts'

export const publicRoom = ({ name, title, epoch, oldest, known }: Room): RoomShown => ({
  room: name,
  title,
  epoch,
  oldest,
  seq: known
})

export const publicRoomOfRow = ({ name, title, epoch, oldestSeq, lastSeq }: RoomRow): RoomShown => ({
  room: name,
  title,
  epoch,
  oldest: oldestSeq,
  seq: lastSeq
})
