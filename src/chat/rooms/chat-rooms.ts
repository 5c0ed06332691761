/** Lists, looks up, creates and changes rooms, for users and for the host application. */
import type { RoomsRepository } from '../../db/database.ts'
import { wellFormed } from '../../lib/text.ts'
import { ChatError, hasCode } from '../../protocol/errors.ts'
import { ROOM } from '../../protocol/http/messages.ts'
import type { HostRoom, NewRoom, RoomChange, RoomList, Room as RoomShown } from '../../protocol/http/rooms.ts'
import type { Principal } from '../access/authorize.ts'
import { noSuchRoom, type RoomAccess } from '../access/room-access.ts'
import { roomChange } from '../kinds/room.ts'
import type { ChatLog } from '../log/chat-log.ts'
import { refusalOf } from '../log/refusals.ts'
import { createOpenDirectRoom, type DirectRoomsOptions, type OpenDirectRoom } from './direct.ts'
import { drawName } from './drawn-name.ts'
import { invalid } from './invalid.ts'
import type { ListRooms, RoomQuery } from './listing.ts'
import { type HostChange, principalOf } from './members.ts'
import { publicRoomOfRow } from './public-room.ts'
import type { RoomRegistry } from './registry.ts'

export interface ChatRooms {
  /** Returns the rooms that the principal may read, sorted by name. */
  list(principal: Principal, query: RoomQuery): Promise<RoomList>
  /** Returns a room. Throws the errors of `FindRoom` (access/room-access.ts). */
  show(principal: Principal, room: string): Promise<RoomShown>
  /**
   * Creates a room, whose owner is the principal. Throws `not_allowed` if the principal may not create the room. If the room
   * already exists, throws `room_taken`. If the principal may not read the existing room, throws `not_allowed` or `banned`
   * instead.
   */
  create(principal: Principal, room: NewRoom): Promise<RoomShown>
  /** Changes properties of a room. Throws `room_not_found`, `not_allowed`, `room_archived` or `upgrade_pending`. */
  describe(principal: Principal, room: string, change: RoomChange): Promise<RoomShown>
  /**
   * Deletes a room. The room then exists for nobody, and its rows are removed in the background. Until they are removed, the name
   * of the room cannot be used again. Throws like `describe`.
   */
  remove(principal: Principal, room: string): Promise<void>
  /**
   * Archives a room for the host application, or restores an archived room. Does nothing if the room is already in this state or
   * cannot be archived.
   */
  archiveAsHost(change: HostChange, isArchived: boolean): Promise<void>
  /** Opens the direct room of the principal and the given users. See `OpenDirectRoom`. */
  direct(...direct: Parameters<OpenDirectRoom>): Promise<{ room: RoomShown; isNew: boolean }>
  /**
   * Returns a room, and creates the room first if it doesn't exist. Throws `room_taken` if the visibility of the existing room
   * is not the requested visibility. Does not call `authorize`, because this method is for the host application and not for
   * users.
   */
  ensure(room: HostRoom): Promise<RoomShown>
}

export interface ChatRoomsOptions extends Omit<DirectRoomsOptions, 'rooms' | 'repository'> {
  readonly rooms: RoomRegistry
  readonly repository: Pick<RoomsRepository, 'create' | 'findByName' | 'findFor' | 'ensureDirect'>
  readonly readIn: RoomAccess['readIn']
  readonly ensureAllowed: RoomAccess['ensureAllowed']
  /** Called after a room was deleted. */
  readonly onDeleted: () => void
  readonly listRooms: ListRooms
  readonly log: Pick<ChatLog, 'append' | 'appendAsHost'>
}

export const createChatRooms = (options: ChatRoomsOptions): ChatRooms => {
  const { rooms, repository, access, findRoom, readIn, ensureAllowed, onDeleted, listRooms, log, isUpgradeFinished } =
    options
  const { liveInbox } = options
  const openDirect = createOpenDirectRoom(options)

  const insert = async ({ room: name, title, topic, visibility }: HostRoom, creator?: number): Promise<RoomShown> => {
    const isFinished = isUpgradeFinished('rooms')
    if (visibility === 'private' && !isFinished) throw refusalOf('upgrade_pending')
    // Until the upgrade is finished, a new room has no owner, because a process of an older release could delete the owner's
    // account without ending the membership.
    const owner = isFinished ? creator : undefined
    const texts = { title: wellFormed(title ?? null), topic: wellFormed(topic) }
    const row = await repository.create({ name, ...texts, visibility, owner })
    rooms.adopt(row)
    if (owner !== undefined) liveInbox.membersChanged([owner])
    return publicRoomOfRow({ ...row, role: owner === undefined ? null : 'owner' })
  }

  /** Returns the room if it exists. Throws `room_taken` if its visibility is not the requested visibility. */
  const existing = async ({ room: name, visibility }: HostRoom): Promise<RoomShown | undefined> => {
    const row = await repository.findByName(name)
    if (row && visibility !== undefined && visibility !== row.visibility)
      throw new ChatError('room_taken', `A ${row.visibility} room "${name}" already exists. Choose another name.`)
    return row && publicRoomOfRow(row)
  }

  const isHidden = async (principal: Principal, name: string): Promise<boolean> => {
    try {
      await findRoom(principal, name, 'read')
      return false
    } catch (error) {
      if (hasCode(error, 'room_not_found')) return true
      throw error
    }
  }

  const show: ChatRooms['show'] = async (principal, name) => {
    const row = await readIn(principal, name, room => repository.findFor(room.id, principal.userId))
    if (!row) throw noSuchRoom()
    return publicRoomOfRow(row)
  }

  return {
    async list(principal, query) {
      const { rooms: rows, next } = await listRooms(principal, query)
      return { rooms: rows.map(publicRoomOfRow), has_more: next !== undefined, ...(next === undefined ? {} : { next }) }
    },
    show,
    // If the user may not read the room, neither the error nor the response time may reveal whether the room exists.
    async create(principal, given) {
      const room = { ...given, room: nameOf(given) }
      const decisions = [access.may(principal, room.room, 'create'), access.may(principal, room.room, 'read')]
      const [mayCreate, mayRead] = await Promise.all(decisions)
      if (!mayCreate) {
        await rooms.probe([room.room])
        throw notCreated()
      }
      try {
        return await insert(room, principal.userId)
      } catch (error) {
        if (hasCode(error, 'room_taken') && (!mayRead || (await isHidden(principal, room.room)))) throw notCreated()
        throw error
      }
    },
    async describe(principal, name, change) {
      const isSlowMode = Object.keys(change).every(key => key === 'slow_mode_seconds')
      await ensureAllowed(principal, name, isSlowMode ? 'moderate' : 'manage')
      await log.append(principal, name, { kind: roomChange, command: commandOf(change) }).catch(error => {
        if (!hasCode(error, 'room_unchanged')) throw error
      })
      return show(principal, name)
    },
    async remove(principal, name) {
      await ensureAllowed(principal, name, 'manage')
      const command = { type: ROOM, deleted: true }
      await log.append(principal, name, { kind: roomChange, command })
      onDeleted()
    },
    async archiveAsHost({ room, user }, isArchived) {
      const submission = { kind: roomChange, command: commandOf({ archived: isArchived }) }
      await log.appendAsHost(principalOf(user), room, submission).catch(error => {
        if (!hasCode(error, 'room_unchanged') && !hasCode(error, 'not_allowed')) throw error
      })
    },
    async direct(principal, ...rest) {
      const { name, isNew } = await openDirect(principal, ...rest)
      return { room: await show(principal, name), isNew }
    },
    async ensure(room) {
      const known = await existing(room)
      if (known) return known
      try {
        return await insert(room)
      } catch (error) {
        // Another caller may have created the room in the meantime.
        const created = hasCode(error, 'room_taken') ? await existing(room) : undefined
        if (created) return created
        throw error
      }
    }
  }
}

/** Returns the name of a new room. The name of a private room is generated. */
const nameOf = ({ room, visibility }: NewRoom): string => {
  if (visibility !== 'private') {
    if (room === undefined) throw invalid('/body/room', 'Room is missing.')
    return room
  }
  if (room !== undefined) throw invalid('/body/room', 'Room must be absent, because the service names private rooms.')
  return drawName('p')
}

const commandOf = (change: RoomChange) => ({ type: ROOM, ...change })

const notCreated = (): ChatError =>
  new ChatError(
    'not_allowed',
    'You are not allowed to create this room. Choose another name, or ask someone with the permission.'
  )
