/** Ends the memberships of a deleted user, room by room. Each end is an entry in the log of its room. */
import type { ChatDatabase } from '../../db/database.ts'
import type { Membership } from '../../db/repositories/members.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'
import { LEASE_MS } from './erase-rooms.ts'

/** A member of a room. `room` is the name of the room, and `username` is the current username of the member. */
interface MemberOfRoom {
  readonly room: string
  readonly user: { readonly id: number; readonly username: string }
}

export interface LeaveRoomsOptions {
  readonly database: Pick<ChatDatabase, 'members' | 'users' | 'deletions'>
  /** Makes a member an owner. */
  readonly promote: (member: MemberOfRoom) => Promise<unknown>
  /** Removes a member. */
  readonly remove: (member: MemberOfRoom) => Promise<unknown>
  /** Archives a room, or restores an archived room. Does nothing if the room is already in this state, or cannot be archived. */
  readonly archive: (member: MemberOfRoom, isArchived: boolean) => Promise<unknown>
  readonly isClosed: () => boolean
  /** Called between rooms, so that other work does not wait while a user leaves many rooms. */
  readonly between: () => Promise<void>
}

/** The number of memberships per query. */
const PAGE = 100
/** Maximum number of attempts to leave a room whose owners all leave at the same time. */
const ATTEMPTS = 5

/**
 * Returns a function that removes a user from all rooms. Before the last owner of a room leaves, another member becomes the
 * owner. A room whose owner was the last member is archived. The function can be called again after a crash. Resolves with false
 * if the process stops.
 */
export const createLeaveRooms = ({ database, promote, remove, archive, isClosed, between }: LeaveRoomsOptions) => {
  const { members, users, deletions } = database

  /** Archives a room before its owner leaves, if the room has no other members. */
  const archiveEmpty = async (member: MemberOfRoom, roomId: number): Promise<void> => {
    if (await members.hasOthers(roomId, member.user.id)) return
    await archive(member, true)
    // If somebody joined after the first check, the room is restored. No third check is needed, because nobody can join an
    // archived room.
    if (await members.hasOthers(roomId, member.user.id)) await archive(member, false)
  }

  const leave = async (user: MemberOfRoom['user'], { roomId, room, role }: Membership): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const successor = role === 'owner' ? await members.successorOf(roomId, user.id) : undefined
        if (successor) await promote({ room, user: { id: successor.userId, username: successor.username } })
        else if (role === 'owner') await archiveEmpty({ room, user }, roomId)
        return void (await remove({ room, user }))
      } catch (error) {
        const code = codeOf(error)
        if (code === 'room_not_found') return
        // If the user has already left the room, nothing remains to be done. If the user is still a member, the successor or
        // another owner may have left in the meantime. The next attempt then chooses another successor.
        const isLeft = !(await members.ofUser(user.id, roomId - 1, 1)).some(found => found.roomId === roomId)
        if (isLeft) return
        if ((code !== 'user_not_found' && code !== 'last_owner') || attempt === ATTEMPTS) throw error
      }
    }
  }

  return async (userId: number): Promise<boolean> => {
    const username = (await users.findByIds([userId])).get(userId)?.username ?? ''
    for (let roomId = 0; ; ) {
      const page = await members.ofUser(userId, roomId, PAGE)
      for (const membership of page) {
        if (isClosed()) return false
        await leave({ id: userId, username }, membership)
        roomId = membership.roomId
        await deletions.advance(userId, 0, LEASE_MS)
        await between()
      }
      if (page.length < PAGE) return true
    }
  }
}

const codeOf = (error: unknown): ErrorCode | undefined => (error instanceof ChatError ? error.code : undefined)
