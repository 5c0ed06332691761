/** Changes the members of rooms for a host application. */
import type { FastifyInstance } from 'fastify'
import pLimit from 'p-limit'
import type { HostUser } from './accounts/host-users.ts'
import type { Restraint } from './chat/rooms/moderation.ts'
import { check, typed } from './host-calls.ts'
import { ChatError } from './protocol/errors.ts'
import { hostMember } from './protocol/http/host.ts'
import type { MemberRole } from './protocol/http/members.ts'
import { Ban, type Mute } from './protocol/http/restrictions.ts'
import { compile } from './protocol/validation.ts'

/**
 * A user of the host application: the id, or the id and the name. With a name, the chat user is created on first use; an id
 * alone identifies only users who have used the chat.
 */
export type HostMember = string | number | Omit<HostUser, 'expiresAt'>

/**
 * Changes the members of rooms of any visibility. The changes are entries of the room's log. The methods do not call `authorize`,
 * and apply no rate limit. All methods reject with a ChatError, for example `room_not_found`, `user_not_found`, `last_owner`,
 * `upgrade_pending`, `validation_failed` or `unavailable`, or with a TypeError if a user object is invalid.
 */
export interface HostMembers {
  /** Adds a user to a room. If the user already is a member, sets the given role, or changes nothing without a role. */
  addMember(room: string, user: HostMember, options?: { readonly role?: MemberRole | undefined }): Promise<void>
  /**
   * Adds at most 500 users to a room, with one entry. Adds nobody if one of them cannot be added: rejects with `user_not_found`
   * if a user is unknown, with `banned` if one is banned from the room, and with `busy` if the account of one is being changed.
   */
  addMembers(room: string, users: readonly HostMember[]): Promise<void>
  /** Removes a member. The subscriptions of the user to a private room end on every process. */
  removeMember(room: string, user: HostMember): Promise<void>
  /** Sets the role of a user, and adds the user to the room if necessary. */
  setRole(room: string, user: HostMember, role: MemberRole): Promise<void>
  /** Mutes a user in a room: the user may read, and delete their own messages, but not write. Replaces an earlier mute. */
  mute(room: string, user: HostMember, restriction?: HostRestriction): Promise<void>
  /** Ends a mute. Rejects with `user_not_found` if there is none. */
  unmute(room: string, user: HostMember): Promise<void>
  /** Bans a user from a room, and removes the user. The user may not read the room or be added to it. Replaces an earlier ban. */
  ban(room: string, user: HostMember, restriction?: HostRestriction & Pick<Ban, 'erase'>): Promise<void>
  /** Ends a ban. Rejects with `user_not_found` if there is none. */
  unban(room: string, user: HostMember): Promise<void>
}

/**
 * The end and the reason of a restriction. `until` is a time (RFC 3339). Without `until`, the restriction does not end by itself.
 */
export type HostRestriction = Mute

const MAX_USERS = 500
/** Maximum number of users that are looked up at the same time. */
const AT_ONCE = 100

const isChange = compile(hostMember)
const isRestriction = compile(Ban)

/**
 * Creates the methods that change members. `running` returns the Fastify instance of the chat, or throws if the chat is not
 * running.
 */
export const createHostMembers = (running: () => FastifyInstance): HostMembers => {
  const changes = async () => {
    const { chatCore, chatListen } = running()
    // `chatListen` reads the finished steps of the rolling upgrade. Before it resolves, every change would be rejected with
    // `upgrade_pending`.
    await chatListen()
    return chatCore.members
  }

  const userOf = async (user: HostMember) => {
    const { chatAuth, chatPrivacy } = running()
    const found =
      typeof user === 'object' ? await chatAuth.admit(user) : await chatPrivacy.hostAccounts.find(String(user))
    if (found && (found.status === 'active' || found.status === 'suspended')) return found
    throw new ChatError('user_not_found', 'Nobody with this id has used the chat, or the account was deleted.')
  }

  const restrain = (room: string, user: HostMember, restraint: Restraint, how: Ban = {}): Promise<void> =>
    typed(async () => {
      check(isChange, { room })
      check(isRestriction, how)
      await changes()
      await running().chatCore.moderation.restrainAsHost({ room, user: await userOf(user) }, restraint, how)
    })

  const put = async (room: string, user: HostMember, role?: MemberRole): Promise<void> => {
    check(isChange, { room, role })
    const members = await changes()
    await members.putAsHost({ room, user: await userOf(user) }, role)
  }

  return {
    addMember: (room, user, { role } = {}) => typed(() => put(room, user, role)),
    setRole: (room, user, role) => typed(() => put(room, user, role)),
    addMembers: (room, given) =>
      typed(async () => {
        check(isChange, { room })
        if (given.length > MAX_USERS) {
          throw new ChatError('validation_failed', `Add at most ${MAX_USERS} users at once.`)
        }
        const members = await changes()
        const atOnce = pLimit(AT_ONCE)
        const users = await Promise.all(given.map(user => atOnce(() => userOf(user))))
        await members.addAsHost(room, users)
      }),
    mute: (room, user, how) => restrain(room, user, 'mute', how),
    unmute: (room, user) => restrain(room, user, 'unmute'),
    ban: (room, user, how) => restrain(room, user, 'ban', how),
    unban: (room, user) => restrain(room, user, 'unban'),
    removeMember: (room, user) =>
      typed(async () => {
        check(isChange, { room })
        const members = await changes()
        await members.removeAsHost({ room, user: await userOf(user) })
      })
  }
}
