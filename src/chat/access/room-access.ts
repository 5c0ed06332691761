/**
 * Finds a room by name and authorizes an action in the room. If the user may not read the room, the error is the same as for a
 * room that doesn't exist. A private or direct room exists only for its members.
 */
import { whenKnown } from '../../lib/when-known.ts'
import type { ChatError } from '../../protocol/errors.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import { refusalOf } from '../log/refusals.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import type { Access, Action, Principal } from './authorize.ts'
import type { RoleIn } from './standing.ts'

/**
 * Returns the room, or throws `room_not_found`. Returns a promise only if the database or `authorize` must be asked. `isAbsent`
 * is true if an earlier lookup found no such room, false if it found one, and undefined if there was no lookup.
 */
export type FindRoom = (principal: Principal, name: string, action: Action, isAbsent?: boolean) => Room | Promise<Room>

/** Resolves if the user is a member of the room now, and rejects with `room_not_found` if not. */
export type EnsureMember = () => Promise<void>

export interface RoomAccess {
  readonly findRoom: FindRoom
  /**
   * Finds a room to read, and returns the result of `work`. In a private or direct room, checks again after `work` that the user
   * is a member. A result that contains something which was written after the user was removed is therefore never returned.
   * `ensureMember` is for a result that is read later, in parts: it must be called between reading and sending each part, and
   * rejects if the user is not a member anymore. Undefined for a public room.
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
  readonly roleIn: RoleIn
}

/**
 * Creates the room access. The time that a lookup takes must not reveal whether a room exists. So a rejected lookup always makes
 * the same two queries, one for the room and one for the role of the user, and calls `authorize`. If `isAbsent` is given, the
 * caller has already made the first query.
 */
export const createRoomAccess = ({ rooms, access, roleIn }: RoomAccessOptions): RoomAccess => {
  const findRoom: FindRoom = (principal, name, action, isAbsent) => {
    if (!isRoomName(name)) throw noSuchRoom()
    const { userId } = principal
    const loaded = rooms.get(name)
    let hasRole = false
    const mayEnter = (room: Room | undefined): boolean | Promise<boolean> => {
      if (room && !room.isGuarded) return true
      hasRole = true
      return roleIn(userId, name).then(role => room !== undefined && role !== undefined)
    }
    const reject = async (): Promise<never> => {
      if (loaded && isAbsent === undefined) await rooms.probe([name])
      if (!hasRole) await roleIn(userId, name)
      throw noSuchRoom()
    }
    return whenKnown(loaded ?? (isAbsent ? undefined : rooms.load(name)), room =>
      whenKnown(mayEnter(room), isEntitled =>
        whenKnown(access.may(principal, name, action), may => (room && isEntitled && may ? room : reject()))
      )
    )
  }

  return {
    findRoom,
    readIn: (principal, name, work) =>
      whenKnown(findRoom(principal, name, 'read'), room => {
        if (!room.isGuarded) return work(room, undefined)
        const ensureMember = async (): Promise<void> => {
          if ((await roleIn(principal.userId, name)) === undefined) throw noSuchRoom()
        }
        return Promise.resolve(work(room, ensureMember)).then(async result => {
          await ensureMember()
          return result
        })
      })
  }
}

export const noSuchRoom = (): ChatError => refusalOf('room_not_found')
