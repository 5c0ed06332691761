/** Lists and changes the members of rooms, for users and for the host application. Changes are entries of the room's log. */
import type { MemberRow, MembersRepository } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import { hasCode } from '../../protocol/errors.ts'
import type { Member, MemberList, MemberRole } from '../../protocol/http/members.ts'
import { MEMBERSHIP } from '../../protocol/http/messages.ts'
import type { Access, Principal } from '../access/authorize.ts'
import type { RoomAccess } from '../access/room-access.ts'
import { membership } from '../kinds/membership.ts'
import type { ChatLog } from '../log/chat-log.ts'
import type { Submission } from '../log/publish.ts'
import { refusalOf } from '../log/refusals.ts'
import type { PostJoins } from './post-joins.ts'
import type { RoomRegistry } from './registry.ts'

export interface MemberQuery {
  /** Selects only members with a higher user id. */
  readonly after: number
  /** Selects only members whose names contain this text, regardless of case. */
  readonly query: string
  readonly limit: number
}

/** The user whom a change by the host application concerns. `username` is the current name of this user. */
export interface ChangedUser {
  readonly id: number
  readonly username: string
  readonly externalId?: string | null | undefined
}

/** A change of a member by the host application. */
export interface HostChange {
  readonly room: string
  readonly user: ChangedUser
}

/**
 * Every method throws `room_not_found` if the room doesn't exist. A method with a parameter `principal` also throws the other
 * errors of `FindRoom` (access/room-access.ts).
 */
export interface ChatMembers {
  list(principal: Principal, room: string, query: MemberQuery): Promise<MemberList>
  /**
   * Adds a user to a room, or changes the role of a member. An administrator can also join a private room. Returns the member,
   * also if nothing had to be changed. Throws `user_not_found`, `not_allowed`, `last_owner` or `upgrade_pending`.
   */
  put(principal: Principal, room: string, userId: number, role?: MemberRole): Promise<Member>
  /** Removes a member. The principal may remove themself. Throws the same errors as `put`. */
  remove(principal: Principal, room: string, userId: number): Promise<void>
  /** Like `put`, for the host application. Resolves with false if nothing had to be changed. */
  putAsHost(change: HostChange, role?: MemberRole): Promise<boolean>
  /**
   * Adds users to a room for the host application, with one entry. Skips users who are already members. If one of the users
   * cannot be added, adds nobody. The author of the entry is the first of the users.
   */
  addAsHost(room: string, users: readonly ChangedUser[]): Promise<void>
  /** Like `remove`, for the host application. */
  removeAsHost(change: HostChange): Promise<void>
}

export interface ChatMembersOptions {
  readonly repository: Pick<MembersRepository, 'find' | 'search' | 'isAdministrator'>
  readonly rooms: Pick<RoomRegistry, 'load'>
  readonly access: Access
  readonly readIn: RoomAccess['readIn']
  readonly postJoins?: Pick<PostJoins, 'forget'> | undefined
  readonly ensureAllowed: RoomAccess['ensureAllowed']
  readonly log: Pick<ChatLog, 'append' | 'appendIn' | 'appendAsHost'>
  /** Whether members see each other’s read marks. */
  readonly hasReadReceipts: boolean
}

/** Maximum number of members that are searched for one page. */
const MAX_EXAMINED = 1000

export const createChatMembers = (options: ChatMembersOptions): ChatMembers => {
  const { repository, rooms, access, readIn, ensureAllowed, log, hasReadReceipts, postJoins } = options

  /**
   * Removes a user. Also cancels a join of this user that an earlier message has caused, and restores the join if the removal
   * fails.
   */
  const leaving = async (room: string, userId: number, removal: () => Promise<unknown>): Promise<void> => {
    const stays = postJoins?.forget(room, userId)
    try {
      await removal()
    } catch (error) {
      stays?.()
      throw error
    }
  }

  /**
   * Appends an entry that adds the principal to a private room. Throws `error` if the principal is not an administrator, if there
   * is no such private room, or if `authorize` denies the access. The room is looked up only for an administrator, so that the
   * response time does not reveal to others whether the room exists. SQL also checks that the principal is an administrator.
   */
  const enter = async (
    principal: Principal,
    name: string,
    submission: Submission,
    error: unknown
  ): Promise<unknown> => {
    const isAdministrator = await repository.isAdministrator(principal.userId)
    const room = isAdministrator ? await rooms.load(name) : undefined
    if (room?.visibility !== 'private' || !(await access.may(principal, name, 'read'))) throw error
    return log.appendIn(principal, room, submission)
  }

  return {
    list: async (principal, name, { after, query, limit }) =>
      readIn(principal, name, async room => {
        const examined = query === '' ? limit + 1 : Math.max(MAX_EXAMINED, limit + 1)
        const {
          members: found,
          upTo,
          mayShare
        } = await repository.search(room.id, { after, query, examined, limit: limit + 1 })
        const members = found.slice(0, limit)
        const next = found.length > limit ? members.at(-1)?.userId : upTo
        return {
          room: name,
          members: members.map(member => ({
            ...publicMember(member),
            ...((mayShare && hasReadReceipts) || member.userId === principal.userId ? { read_seq: member.readSeq } : {})
          })),
          has_more: next != null,
          ...(next == null ? {} : { next })
        }
      }),
    async put(principal, name, userId, role) {
      if (role !== undefined) await ensureAllowed(principal, name, 'manage')
      else if (userId !== principal.userId) await ensureAllowed(principal, name, 'invite')
      const submission = put(userId, role)
      const appended = log.append(principal, name, submission).catch(error => {
        if (userId === principal.userId && hasCode(error, 'room_not_found'))
          return enter(principal, name, submission, error)
        throw error
      })
      await isChanged(appended)
      const member = await readIn(principal, name, room => repository.find(room.id, userId))
      if (!member) throw refusalOf('user_not_found')
      return publicMember(member)
    },
    async remove(principal, name, userId) {
      if (userId !== principal.userId) await ensureAllowed(principal, name, 'moderate')
      await leaving(name, userId, () => log.append(principal, name, remove(userId)))
    },
    putAsHost: ({ room, user }, role) => isChanged(log.appendAsHost(principalOf(user), room, put(user.id, role))),
    async addAsHost(room, users) {
      const [first] = users
      if (!first) return
      if (users.length === 1) await isChanged(log.appendAsHost(principalOf(first), room, put(first.id)))
      else await isChanged(log.appendAsHost(principalOf(first), room, putAll(users.map(({ id }) => id))))
    },
    removeAsHost: ({ room, user }) =>
      leaving(room, user.id, () => log.appendAsHost(principalOf(user), room, remove(user.id)))
  }
}

const put = (subject: number, role?: MemberRole): Submission => {
  const command = { type: MEMBERSHIP, subject, op: 'put', ...(role === undefined ? {} : { role }) }
  return { kind: membership, command }
}

const putAll = (subjects: readonly number[]): Submission => {
  const command = { type: MEMBERSHIP, subject: subjects[0], subjects, op: 'put' }
  return { kind: membership, command }
}

const remove = (subject: number): Submission => {
  const command = { type: MEMBERSHIP, subject, op: 'remove' }
  return { kind: membership, command }
}

/** Waits for an append. Returns whether it changed something. */
const isChanged = async (appended: Promise<unknown>): Promise<boolean> => {
  try {
    await appended
    return true
  } catch (error) {
    if (hasCode(error, 'already_member')) return false
    throw error
  }
}

/**
 * Returns the principal for a change by the host application. The host application is not a user. So the author of an entry
 * that it appends is the user whom the entry concerns.
 */
export const principalOf = ({ id, username, externalId }: ChangedUser): Principal => ({
  userId: id,
  username,
  externalId,
  expiresAt: Number.POSITIVE_INFINITY
})

const publicMember = ({ userId, username, role, joinedAt }: MemberRow): Member => ({
  user_id: userId,
  username,
  role,
  joined_at: timestamp(joinedAt)
})
