/** Converts rooms to the form that clients receive. */
import type { RoomOfUser, RoomRow } from '../../db/database.ts'
import type { Room as RoomShown } from '../../protocol/http/rooms.ts'
import type { Room } from './room.ts'

export const publicRoom = ({ name, title, topic, visibility, epoch, oldest, known }: Room): RoomShown => ({
  room: name,
  title,
  topic,
  visibility,
  epoch,
  oldest,
  seq: known
})

/**
 * Returns a room in the form that clients receive. `role` is the role of the user who receives the room. It is absent if this user is
 * not a member, or if the host application receives the room.
 */
export const publicRoomOfRow = (row: RoomRow & Partial<Pick<RoomOfUser, 'role'>>): RoomShown => {
  const { name, title, topic, visibility, role, epoch, oldestSeq, lastSeq } = row
  const { slowModeSeconds = 0, archived = false, invite = 'members', retentionDays = null } = row
  return {
    room: name,
    title,
    topic,
    visibility,
    ...(role ? { role } : {}),
    ...(slowModeSeconds > 0 ? { slow_mode_seconds: slowModeSeconds } : {}),
    ...(archived ? { archived } : {}),
    ...(invite === 'members' ? {} : { invite }),
    ...(retentionDays === null ? {} : { retention_days: retentionDays }),
    epoch,
    oldest: oldestSeq,
    seq: lastSeq
  }
}
