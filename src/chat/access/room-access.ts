/** Finds the room that a principal names, and authorizes the action. A room that may not be read looks like an absent one. */
import { ChatError } from '../../protocol/errors.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import { type Access, type Action, type Principal, whenKnown } from './authorize.ts'

/**
 * Returns the room, or throws `room_not_found`. Returns a promise only if `authorize` is called or the room is loaded. `isAbsent`
 * is the result of a lookup a moment ago.
 */
export type FindRoom = (principal: Principal, name: string, action: Action, isAbsent?: boolean) => Room | Promise<Room>

/**
 * Creates the function. A denied room must look like an absent one in time too: `authorize` is called for both, and both are looked
 * up in the database, here or before (`isAbsent`).
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
  new ChatError('room_not_found', 'There is no such room, or you may not read it. The default room is "general".')
