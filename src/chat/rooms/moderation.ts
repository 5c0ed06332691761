/** Mutes and bans users, for moderators and for the host application. Changes are entries of the room's log. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { MembersRepository } from '../../db/database.ts'
import type { RestrictionRow, RestrictionsRepository } from '../../db/repositories/restrictions.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { MEMBERSHIP } from '../../protocol/http/messages.ts'
import type { Ban, Restriction, RestrictionList } from '../../protocol/http/restrictions.ts'
import type { Principal } from '../access/authorize.ts'
import type { RoomAccess } from '../access/room-access.ts'
import { membership } from '../kinds/membership.ts'
import type { ChatLog } from '../log/chat-log.ts'
import type { Submission } from '../log/publish.ts'
import { refusalOf } from '../log/refusals.ts'
import { invalid } from './invalid.ts'
import { type HostChange, principalOf } from './members.ts'

/** A change of the restrictions of a user. */
export type Restraint = 'mute' | 'unmute' | 'ban' | 'unban'

export interface RestrictionQuery {
  /** Selects only users with a higher id. */
  readonly after: number
  /** Maximum number of users. */
  readonly limit: number
}

/**
 * Every method throws `room_not_found` if the room doesn't exist. A method with a parameter `principal` also throws the other
 * errors of `FindRoom` (access/room-access.ts), and `not_allowed` if the principal may not moderate the room.
 */
export interface ChatModeration {
  /** Returns the mutes and bans of a room, in the order of the user ids. */
  list(principal: Principal, room: string, query: RestrictionQuery): Promise<RestrictionList>
  /**
   * Mutes or bans a user, or ends the mute or the ban. Throws `user_not_found`, `last_owner`, `room_archived` or
   * `upgrade_pending`, and `not_allowed` if the role of the user is not lower than the role of the principal.
   */
  restrain(principal: Principal, room: string, userId: number, restraint: Restraint, how?: Ban): Promise<void>
  /** Like `restrain`, for the host application. */
  restrainAsHost(change: HostChange, restraint: Restraint, how?: Ban): Promise<void>
}

export interface ChatModerationOptions {
  readonly restrictions: Pick<RestrictionsRepository, 'list'>
  readonly members: Pick<MembersRepository, 'find' | 'isAdministrator'>
  readonly keyring: Pick<Keyring, 'decrypt'>
  readonly clock: Pick<Clock, 'now'>
  readonly readIn: RoomAccess['readIn']
  readonly ensureAllowed: RoomAccess['ensureAllowed']
  readonly log: Pick<ChatLog, 'append' | 'appendAsHost'>
  /** Called after a ban that also deletes messages. */
  readonly onErase: () => void
}

export const createChatModeration = (options: ChatModerationOptions): ChatModeration => {
  const { restrictions, members, keyring, clock, readIn, ensureAllowed, log, onErase } = options

  const submissionOf = (subject: number, op: Restraint, { until, reason, erase }: Ban): Submission => {
    const ends = until === undefined ? undefined : Date.parse(until)
    // Rejects a time in the past, by the clock of this process. This check is not exact, because SQL ends restrictions by the
    // clock of the database.
    if (ends !== undefined && !(ends > clock.now())) throw invalid('/body/until', 'Until must be a time in the future.')
    const given = { until: ends, reason, erase }
    const command = {
      type: MEMBERSHIP,
      subject,
      op,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    }
    return { kind: membership, command }
  }

  const publicRestriction = (row: RestrictionRow): Restriction => {
    const { userId, username, kind, until, by, createdAt } = row
    const reason = reasonOf(keyring, row)
    return {
      user_id: userId,
      username,
      kind,
      ...(until === null ? {} : { until: timestamp(until) }),
      ...(reason === undefined ? {} : { reason }),
      by,
      created_at: timestamp(createdAt)
    }
  }

  return {
    list: async (principal, name, { after, limit }) =>
      readIn(principal, name, async room => {
        const own = await members.find(room.id, principal.userId)
        const isModerator = own?.role === 'moderator' || own?.role === 'owner'
        const isAbove = isModerator || (!room.isForMembers && (await members.isAdministrator(principal.userId)))
        if (!isAbove) throw refusalOf('not_allowed')
        await ensureAllowed(principal, name, 'moderate')
        const rows = await restrictions.list(room.id, after, limit + 1)
        const users = [...new Set(rows.map(({ userId }) => userId))]
        const last = users.slice(0, limit).at(-1)
        const hasMore = users.length > limit
        return {
          room: name,
          restrictions: rows.filter(({ userId }) => userId <= (last ?? 0)).map(publicRestriction),
          has_more: hasMore,
          ...(hasMore && last !== undefined ? { next: last } : {})
        }
      }),
    async restrain(principal, name, userId, op, how = {}) {
      const submission = submissionOf(userId, op, how)
      await ensureAllowed(principal, name, 'moderate')
      await log.append(principal, name, submission)
      if (how.erase !== undefined) onErase()
    },
    async restrainAsHost({ room, user }, op, how = {}) {
      await log.appendAsHost(principalOf(user), room, submissionOf(user.id, op, how))
      if (how.erase !== undefined) onErase()
    }
  }
}

/** Decrypts the reason of a restriction. Returns undefined if there is none, or if no key decrypts it. */
export const reasonOf = (
  keyring: Pick<Keyring, 'decrypt'>,
  { reason, keyId }: Pick<RestrictionRow, 'reason' | 'keyId'>
): string | undefined => {
  const text = reason === null ? undefined : keyring.decrypt(reason, keyId ?? undefined)
  return text === undefined ? undefined : (JSON.parse(text) as { reason: string }).reason
}
