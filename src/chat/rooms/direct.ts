/** Opens direct rooms, which belong to 2 to 8 people. The same people have only one direct room. */
import { createHash } from 'node:crypto'
import type { RoomsRepository } from '../../db/database.ts'
import { ChatError, hasCode } from '../../protocol/errors.ts'
import { MAX_DIRECT } from '../../protocol/http/members.ts'
import type { Access, Principal } from '../access/authorize.ts'
import type { RoomAccess } from '../access/room-access.ts'
import type { LiveInbox } from '../inbox/live.ts'
import { refusalOf } from '../log/refusals.ts'
import { drawName } from './drawn-name.ts'
import { invalid } from './invalid.ts'
import type { RoomRegistry } from './registry.ts'

/** The name of a direct room, and whether it was created now. */
export interface OpenedDirectRoom {
  readonly name: string
  readonly isNew: boolean
}

export interface DirectRoomsOptions {
  readonly rooms: Pick<RoomRegistry, 'adopt'>
  readonly repository: Pick<RoomsRepository, 'ensureDirect'>
  readonly access: Access
  readonly findRoom: RoomAccess['findRoom']
  readonly isUpgradeFinished: (step: string) => boolean
  /** Updates the inboxes of the members. */
  readonly liveInbox: Pick<LiveInbox, 'membersChanged'>
}

/**
 * Returns the direct room of the principal and the given users, and creates it if it does not exist. If one of the users can't
 * be in the room, throws `not_allowed`. The error is the same for every reason, so that the reason is not revealed.
 * `beforeCreate` is called before a room is created. If `beforeCreate` rejects, no room is created.
 */
export type OpenDirectRoom = (
  principal: Principal,
  userIds: readonly number[],
  beforeCreate?: () => Promise<void>
) => Promise<OpenedDirectRoom>

export const createOpenDirectRoom =
  ({ rooms, repository, access, findRoom, isUpgradeFinished, liveInbox }: DirectRoomsOptions): OpenDirectRoom =>
  async (principal, userIds, beforeCreate) => {
    const users = [...new Set([principal.userId, ...userIds])].sort((a, b) => a - b)
    if (users.length < 2) throw invalid('/body/users', 'Users must contain another person.')
    if (users.length > MAX_DIRECT)
      throw invalid('/body/users', `Users must contain at most ${MAX_DIRECT - 1} other people.`)
    if (!isUpgradeFinished('rooms')) throw refusalOf('upgrade_pending')
    const name = drawName('d')
    if (!(await access.may(principal, name, 'create'))) throw notOpened()
    const key = createHash('sha256').update(users.join(',')).digest('hex')
    const opened = await repository.ensureDirect({ name, key, users, creator: principal.userId, beforeCreate })
    if (!opened) throw notOpened()
    if (opened.isNew) {
      rooms.adopt(opened.room)
      liveInbox.membersChanged(users)
      return { name, isNew: true }
    }
    try {
      // Checks the access to the existing room, because the host application may have removed the principal, or `authorize` may
      // deny the access.
      const { name: existing } = await findRoom(principal, opened.room.name, 'read')
      return { name: existing, isNew: false }
    } catch (error) {
      throw hasCode(error, 'room_not_found') ? notOpened() : error
    }
  }

const notOpened = (): ChatError =>
  new ChatError(
    'not_allowed',
    'You cannot write to one of these people, or one of you is in too many rooms. Choose other people.'
  )
