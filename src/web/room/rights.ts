/** Computes what a user may do in a room. The service decides; the page only hides what the service would refuse. */
import type { MemberRole, Visibility } from '../room-entry.ts'

export interface Rights {
  readonly isPublic: boolean
  /** Whether the user may join the room (`join`) or leave it (`leave`). */
  readonly join: boolean
  readonly leave: boolean
  /** Whether the user may add other users. */
  readonly add: boolean
  /** Whether the user may mute and ban lower roles, change slow mode and resolve reports. */
  readonly moderate: boolean
  /** Whether the user may change the title and the topic, and delete the room. */
  readonly change: boolean
  /** Returns whether the user may remove another member who has the role `role`. */
  remove(role: MemberRole): boolean
  /** Returns the roles that the user may give to a member who has the role `role`. `isMe` is true if the user is the member. */
  roles(role: MemberRole, isMe: boolean): MemberRole[]
}

/** The roles, from the lowest to the highest. */
export const ROLES: readonly MemberRole[] = ['member', 'moderator', 'owner']

const rankOf = (role: MemberRole | undefined): number => (role === undefined ? -1 : ROLES.indexOf(role))

/**
 * Returns what the user may do in the room. `role` is the user's role in the room. `invite` names the members who may add people
 * to a private room. `isAdmin` is true for an administrator of the service.
 */
export const rightsOf = (
  visibility: Visibility,
  role: MemberRole | undefined,
  isAdmin: boolean,
  invite: 'members' | 'moderators' = 'members'
): Rights => {
  const isPublic = visibility === 'public'
  const isDirect = visibility === 'direct'
  const isOwner = role === 'owner'
  // An administrator may do everything in public rooms.
  const isHighest = isPublic && isAdmin
  return {
    isPublic,
    join: isPublic && role === undefined,
    leave: !isDirect && role !== undefined,
    add: isHighest || (!isDirect && rankOf(role) >= (isPublic || invite === 'moderators' ? 1 : 0)),
    moderate: isHighest || (!isDirect && rankOf(role) >= 1),
    change: isHighest || (!isDirect && isOwner),
    remove: target => isHighest || (!isDirect && rankOf(role) >= 1 && rankOf(role) > rankOf(target)),
    roles(target, isMe) {
      const may = isHighest || (!isDirect && isOwner && (isMe || target !== 'owner'))
      return may ? ROLES.filter(one => one !== target) : []
    }
  }
}
