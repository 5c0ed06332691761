/** The room that a principal names, if they may do there what they ask for. A room they may not read looks like an absent one. */
import { ChatError } from '../../protocol/errors.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import { type Access, type Action, type Principal, whenKnown } from './authorize.ts'

/**
 * Returns the room, or throws `room_not_found`; returns a promise only if something has to be asked or loaded. With `isAbsent`,
 * it was looked up a moment ago and not found, or found (`false`).
 */
export type FindRoom = (principal: Principal, name: string, action: Action, isAbsent?: boolean) => Room | Promise<Room>

/**
 * Creates the function. Denied looks like absent in time too: the host application is asked about both, and both are looked up
 * in the database, here or before (`isAbsent`).
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
