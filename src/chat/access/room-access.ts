/**
 * Finds a room by name and authorizes an action in the room. If the user may not read the room, the error is the same as for a
 * room that doesn't exist.
 */
import { whenKnown } from '../../lib/when-known.ts'
import { ChatError } from '../../protocol/errors.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import type { Access, Action, Principal } from './authorize.ts'

/**
 * Returns the room, or throws `room_not_found`. Returns a promise only if `authorize` has to be called or the room has to be
 * loaded. `isAbsent` is true if an earlier lookup found no such room, false if it found one, and undefined if there was no
 * lookup.
 */
export type FindRoom = (principal: Principal, name: string, action: Action, isAbsent?: boolean) => Room | Promise<Room>

/**
 * Creates a function that finds a room. The time that the function takes must not reveal whether a room exists. So the function
 * also calls `authorize` for a room that doesn't exist. It also looks up a denied room in the database, even if the room is
 * loaded. If `isAbsent` is given, the caller has already looked up the room, and the function does not repeat the lookup.
 */
export const createRoomAccess =
  ({ rooms, access }: { readonly rooms: RoomRegistry; readonly access: Access }): FindRoom =>
  (principal, name, action, isAbsent) => {
    const loaded = rooms.get(name)
    return whenKnown(loaded ?? (isAbsent ? undefined : rooms.load(name)), room => {
      if (!room && !(access.isDelegated && isRoomName(name))) throw noSuchRoom()
      return whenKnown(access.may(principal, name, action), may => {
        if (room && may) return room
        if (!loaded || isAbsent !== undefined) throw noSuchRoom()
        return rooms.probe([name]).then(() => {
          throw noSuchRoom()
        })
      })
    })
  }

export const noSuchRoom = (): ChatError =>
  new ChatError(
    'room_not_found',
    'The room does not exist, or you may not do this in it. Check the name of the room. The default room is "general".'
  )
