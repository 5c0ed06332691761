/**
 * Creates, lists and revokes invitations to rooms, and lets users join with them. SQL decides under the lock of the room whether
 * an invitation may be created or used. An invitation is valid only while its creator may add people to the room.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { RoomInvitationsRepository } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'
import type { InvitationPreview, RoomInvitation, RoomInvitationList } from '../../protocol/http/invitations.ts'
import { MEMBERSHIP } from '../../protocol/http/messages.ts'
import type { Access, Principal } from '../access/authorize.ts'
import type { RoomAccess } from '../access/room-access.ts'
import { membership } from '../kinds/membership.ts'
import type { ChatLog } from '../log/chat-log.ts'
import type { Submission } from '../log/publish.ts'
import { refusalOf } from '../log/refusals.ts'
import type { RoomRegistry } from './registry.ts'

/** The lifetime of an invitation, and the number of people who can use the invitation. */
export interface InvitationTerms {
  readonly lifetimeMs: number
  readonly uses: number
}

/** Each method with a parameter `room` throws the errors of `FindRoom` (access/room-access.ts). */
export interface ChatInvitations {
  /** Creates an invitation. Throws `too_many_invitations`, or `not_allowed` if the principal may not add people to the room. */
  create(principal: Principal, room: string, terms: InvitationTerms): Promise<RoomInvitation>
  /** Returns the usable invitations to a room. Moderators receive all of them, and other principals receive only their own. */
  list(principal: Principal, room: string): Promise<RoomInvitationList>
  /** Revokes one of the invitations that `list` returns. Throws `invitation_not_found`. */
  revoke(principal: Principal, room: string, id: number): Promise<void>
  /** Returns the room of an invitation. Throws `invitation_invalid`. */
  show(principal: Principal, code: string): Promise<InvitationPreview>
  /**
   * Joins the room of an invitation, unless the principal is already a member. Returns the name of the room. Throws
   * `invitation_invalid`, or `not_allowed` if the principal is a member of too many rooms.
   */
  accept(principal: Principal, code: string): Promise<string>
}

export interface ChatInvitationsOptions {
  readonly repository: Pick<RoomInvitationsRepository, 'create' | 'list' | 'remove' | 'find'>
  readonly rooms: Pick<RoomRegistry, 'load'>
  readonly access: Access
  readonly readIn: RoomAccess['readIn']
  readonly ensureAllowed: RoomAccess['ensureAllowed']
  readonly log: Pick<ChatLog, 'appendIn'>
}

/** The length of a code in bytes: 128 bits, which nobody can guess. */
const CODE_BYTES = 16

export const createChatInvitations = (options: ChatInvitationsOptions): ChatInvitations => {
  const { repository, rooms, access, readIn, ensureAllowed, log } = options

  /**
   * Returns the room of an invitation. Always makes one query and one call of `authorize`, so that the response time does not
   * reveal why an invitation is refused.
   */
  const find = async (principal: Principal, code: string) => {
    const found = await repository.find(hashOf(code), principal.userId)
    const may = await access.may(principal, found?.room ?? ABSENT, 'read')
    if (!found || !may) throw refusalOf('invitation_invalid')
    return found
  }

  return {
    async create(principal, name, { lifetimeMs, uses }) {
      await ensureAllowed(principal, name, 'invite')
      return readIn(principal, name, async room => {
        const code = randomBytes(CODE_BYTES).toString('base64url')
        const { id: roomId } = room
        const created = await repository.create({
          roomId,
          userId: principal.userId,
          hash: hashOf(code),
          lifetimeMs,
          uses
        })
        if ('refused' in created) throw refusalOf(created.refused)
        return { id: created.id, code, expires_at: timestamp(created.expiresAt), uses_left: uses }
      })
    },
    list: async (principal, name) =>
      readIn(principal, name, async room => {
        const found = await repository.list(room.id, principal.userId)
        const invitations = found.map(({ id, userId, username, usesLeft, createdAt, expiresAt }) => ({
          id,
          user_id: userId,
          username,
          created_at: timestamp(createdAt),
          expires_at: timestamp(expiresAt),
          uses_left: usesLeft
        }))
        return { room: name, invitations }
      }),
    async revoke(principal, name, id) {
      const isRevoked = await readIn(principal, name, room => repository.remove(room.id, principal.userId, id))
      if (!isRevoked) throw refusalOf('invitation_not_found')
    },
    async show(principal, code) {
      const { room, title, members } = await find(principal, code)
      return { room, members, ...(title === null ? {} : { title }) }
    },
    async accept(principal, code) {
      const { room: name } = await find(principal, code)
      const room = await rooms.load(name)
      if (!room) throw refusalOf('invitation_invalid')
      try {
        await log.appendIn(principal, room, accepting(principal.userId, hashOf(code)))
      } catch (error) {
        if (!hasCode(error, 'already_member'))
          throw hasCode(error, 'room_not_found') ? refusalOf('invitation_invalid') : error
      }
      return name
    }
  }
}

/**
 * The name that `authorize` receives if there is no invitation. No room has this name, because the service generates all names
 * that begin with `p.`, and generated names are longer.
 */
const ABSENT = 'p.absent'

const hashOf = (code: string): string => createHash('sha256').update(code).digest('hex')

const accepting = (subject: number, invitation: string): Submission => {
  const command = { type: MEMBERSHIP, subject, op: 'put', invitation }
  return { kind: membership, command }
}

const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof ChatError && error.code === code
