/** Lists, looks up, creates and changes rooms, for users and for the host application. */
import type { Bus } from '../../bus/bus.ts'
import type { RoomsRepository } from '../../db/database.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { NewRoom, RoomList, Room as RoomShown } from '../../protocol/http/rooms.ts'
import type { Access, Principal } from '../access/authorize.ts'
import { type FindRoom, noSuchRoom } from '../access/room-access.ts'
import type { ListRooms } from './listing.ts'
import { publicRoom, publicRoomOfRow } from './public-room.ts'
import type { RoomRegistry } from './registry.ts'

export interface ChatRooms {
  /**
   * Returns at most `limit` rooms that the principal may read, sorted by name. The list starts after `after`, which is a room
   * name or the `next` of the previous list.
   */
  list(principal: Principal, after: string, limit: number): Promise<RoomList>
  /** Returns a room. Throws `room_not_found` if the room doesn't exist or the principal may not read it. */
  show(principal: Principal, room: string): Promise<RoomShown>
  /**
   * Creates a room. Throws `not_allowed` if the principal may not create the room. If the room exists, throws `room_taken`, or
   * `not_allowed` if the principal may not read the room.
   */
  create(principal: Principal, room: NewRoom): Promise<RoomShown>
  /**
   * Returns a room, and creates the room first if it doesn't exist. Does not call `authorize`, because this method is for the
   * host application and not for users.
   */
  ensure(room: NewRoom): Promise<RoomShown>
  /**
   * Changes a room, and notifies the other processes. Does not call `authorize`, because this method is for the host
   * application and not for users. Throws `room_not_found`.
   */
  change(room: string, change: { readonly title: string | null }): Promise<RoomShown>
}

export interface ChatRoomsOptions {
  readonly rooms: RoomRegistry
  readonly repository: Pick<RoomsRepository, 'create' | 'update'>
  readonly bus: Pick<Bus, 'publish'>
  readonly access: Access
  readonly findRoom: FindRoom
  readonly listRooms: ListRooms
}

export const createChatRooms = (options: ChatRoomsOptions): ChatRooms => {
  const { rooms, repository, bus, access, findRoom, listRooms } = options

  const insert = async ({ room: name, title }: NewRoom): Promise<RoomShown> =>
    publicRoom(rooms.adopt(await repository.create({ name, title: title ?? null })))

  return {
    async list(principal, after, limit) {
      const { rooms: rows, next } = await listRooms(principal, after, limit)
      return { rooms: rows.map(publicRoomOfRow), has_more: next !== undefined, ...(next === undefined ? {} : { next }) }
    },
    show: async (principal, name) => publicRoom(await findRoom(principal, name, 'read')),
    // If the user may not read the room, neither the error nor the response time may reveal whether the room exists.
    async create(principal, room) {
      const decisions = [access.may(principal, room.room, 'create'), access.may(principal, room.room, 'read')]
      const [mayCreate, mayRead] = await Promise.all(decisions)
      if (!mayCreate) {
        await rooms.probe([room.room])
        throw notCreated()
      }
      try {
        return await insert(room)
      } catch (error) {
        if (!mayRead && isTaken(error)) throw notCreated()
        throw error
      }
    },
    async ensure(room) {
      const known = await rooms.load(room.room)
      if (known) return publicRoom(known)
      try {
        return await insert(room)
      } catch (error) {
        // Another caller may have created the room in the meantime.
        const created = isTaken(error) ? await rooms.load(room.room) : undefined
        if (created) return publicRoom(created)
        throw error
      }
    },
    async change(name, change) {
      const room = await rooms.load(name)
      const row = room && (await repository.update(room.id, change))
      if (!row) throw noSuchRoom()
      bus.publish({ kind: 'room_changed', room: row.id })
      // Reads the title again instead of using `row`, because another process may have changed the room in the meantime.
      await rooms.refresh(row.id)
      return publicRoom(room)
    }
  }
}

const isTaken = (error: unknown): boolean => error instanceof ChatError && error.code === 'room_taken'

const notCreated = (): ChatError =>
  new ChatError(
    'not_allowed',
    'You are not allowed to create this room. Choose another name, or ask someone with the permission.'
  )
