/**
 * Finds a room by name and authorizes an action in the room. If the user may not read the room, the error is the same as for a
 * room that doesn't exist. A private or direct room exists only for its members.
 */
import type { Standing } from '../../db/repositories/standing.ts'
import { whenKnown } from '../../lib/when-known.ts'
import type { ChatError } from '../../protocol/errors.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import { refusalOf } from '../log/refusals.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import type { Access, Action, FinerAction, Principal } from './authorize.ts'
import { restricted, type StandingIn } from './standing.ts'

export interface FindRoomOptions {
  /** True if an earlier lookup found no such room, false if it found one, and undefined if there was no lookup. */
  readonly isAbsent?: boolean | undefined
  /**
   * If true, also checks whether the user may write in the room. Throws `muted`, `room_archived`, or `not_allowed` if one user
   * of a direct room has blocked the other. A caller that appends an entry does not need this option, because the append makes
   * the same checks.
   */
  readonly isTyping?: boolean
}

/**
 * Returns the room, or throws `room_not_found`. Throws `banned` if the user is banned from a public room. Returns a promise only
 * if the database must be queried or `authorize` returns a promise.
 */
export type FindRoom = (
  principal: Principal,
  name: string,
  action: Action,
  options?: FindRoomOptions
) => Room | Promise<Room>

/**
 * Resolves if the current role and restrictions of the user allow the user to read the room. Otherwise, rejects with
 * `room_not_found` or `banned`. Does not call `authorize`.
 */
export type EnsureMember = () => Promise<void>

export interface RoomAccess {
  readonly findRoom: FindRoom
  /**
   * Resolves if the host's `authorize` allows the action or is not called for it. Otherwise, rejects with `not_allowed`, or
   * with the error of `findRoom` if the user may not read the room.
   */
  ensureAllowed(principal: Principal, name: string, action: FinerAction): Promise<void>
  /**
   * Finds a room to read, and returns the result of `work`. If the room is private or direct, or has restrictions, a second
   * check after `work` ensures that the user may still read the room. Without the second check, a removed user could receive
   * entries that were written after the removal. If the result is read later in parts, `ensureMember` must be called after each
   * part was read and before it is sent. `ensureMember` rejects if the user may no longer read the room. For a public room
   * without restrictions, `ensureMember` is undefined.
   */
  readIn<T>(
    principal: Principal,
    name: string,
    work: (room: Room, ensureMember: EnsureMember | undefined) => T | Promise<T>
  ): T | Promise<T>
}

export interface RoomAccessOptions {
  readonly rooms: RoomRegistry
  readonly access: Access
  readonly standingIn: StandingIn
  /** Returns whether the room is a direct room of two users of whom one has blocked the other. */
  readonly isBlocked: (roomId: number) => Promise<boolean>
}

/**
 * Creates the room access. The time that a lookup takes must not reveal whether a room exists. So for a valid name, a lookup that
 * is rejected with `room_not_found` always makes the same two queries, one for the room and one for the standing of the user, and
 * calls `authorize`. If `isAbsent` is given, the caller has already made the first query.
 */
export const createRoomAccess = ({ rooms, access, standingIn, isBlocked }: RoomAccessOptions): RoomAccess => {
  const findRoom: FindRoom = (principal, name, action, { isAbsent, isTyping = false } = {}) => {
    if (!isRoomName(name)) throw noSuchRoom()
    const { userId } = principal
    const loaded = rooms.get(name)
    let hasStanding = false
    const standingOf = (room: Room | undefined): Standing | Promise<Standing> => {
      if (room && !room.isForMembers && !room.isRestricted) return {}
      hasStanding = true
      return standingIn(userId, name)
    }
    const reject = async (): Promise<never> => {
      if (loaded && isAbsent === undefined) await rooms.probe([name])
      if (!hasStanding) await standingIn(userId, name)
      throw noSuchRoom()
    }
    return whenKnown(loaded ?? (isAbsent ? undefined : rooms.load(name)), room =>
      whenKnown(standingOf(room), standing =>
        whenKnown(access.may(principal, name, action), may => {
          if (!room || !may || !mayEnter(room, standing)) return reject()
          if (standing.ban !== undefined) throw restricted('banned', standing.ban)
          if (isTyping && standing.mute !== undefined) throw restricted('muted', standing.mute)
          if (isTyping && room.isArchived) throw refusalOf('room_archived')
          if (!isTyping || room.visibility !== 'direct') return room
          return isBlocked(room.id).then(blocked => {
            if (blocked) throw refusalOf('not_allowed')
            return room
          })
        })
      )
    )
  }

  return {
    findRoom,
    async ensureAllowed(principal, name, action) {
      if (await access.may(principal, name, action)) return
      await findRoom(principal, name, 'read')
      throw refusalOf('not_allowed')
    },
    readIn: (principal, name, work) =>
      whenKnown(findRoom(principal, name, 'read'), room => {
        const ensureMember = async (): Promise<void> => {
          const standing = await standingIn(principal.userId, name)
          if (!mayEnter(room, standing)) throw noSuchRoom()
          if (standing.ban !== undefined) throw restricted('banned', standing.ban)
        }
        const isChecked = (): boolean => room.isForMembers || room.isRestricted
        if (!isChecked())
          return whenKnown(work(room, undefined), result => {
            if (room.isEnded) throw noSuchRoom()
            return isChecked() ? ensureMember().then(() => result) : result
          })
        return Promise.resolve(work(room, ensureMember)).then(async result => {
          await ensureMember()
          return result
        })
      })
  }
}

/** Returns false if only members may read the room and a user with this standing is not a member. Does not check bans. */
const mayEnter = (room: Room, { role }: Standing): boolean => !room.isForMembers || role !== undefined

export const noSuchRoom = (): ChatError => refusalOf('room_not_found')
