/** Defines an entry of the list of rooms, and derives its title. */
import type { ChatApi, InboxItem, RoomSettings, RoomState } from '../../client/src/index.ts'

type RoomShown = Awaited<ReturnType<ChatApi['showRoom']>>

export type Visibility = RoomShown['visibility']
export type MemberRole = NonNullable<RoomShown['role']>

/** The properties of a room that the page shows. */
export interface RoomHead {
  /** The title, or the text of `untitledOf`. The title of a direct room consists of the names of the other members. */
  readonly title: string
  readonly seq: number
  readonly visibility: Visibility
  readonly topic: string | null
  /** The user's role. Undefined if the user is not a member. */
  readonly role: MemberRole | undefined
  /** Minimum number of seconds between two messages of a member. 0 if slow mode is off. */
  readonly slowMode: number
  readonly isArchived: boolean
  /** The members who may add people to the room and create invitations. */
  readonly invite: 'members' | 'moderators'
}

export interface RoomEntry extends Omit<RoomHead, 'seq'> {
  readonly name: string
  readonly unread: number
  /** The number of unread messages that mention the user. */
  readonly mentions: number
  /** Whether the user has marked the room as unread. */
  readonly isMarked: boolean
  /** The time of the latest message. Empty if the page does not know it. */
  readonly at: string
}

/**
 * The codes of the errors after which the user may not read a room. The service has ended the subscription, or has refused it.
 */
const GONE: readonly string[] = ['removed', 'banned', 'private', 'deleted', 'room_not_found', 'not_allowed']

const UNTITLED: { readonly [visibility in Visibility]?: string } = { private: 'Private room', direct: 'Direct message' }

/** Returns the text that the page shows for a room without a title. */
export const untitledOf = (room: string, visibility: Visibility = 'public'): string => UNTITLED[visibility] ?? room

/** Used for a direct room whose other members have all been deleted. */
const NOBODY = 'Deleted user'

export const directTitleOf = (others: readonly { readonly username: string }[]): string =>
  others.map(({ username }) => username).join(', ') || NOBODY

/** The values for a room that the page subscribes to but has not loaded. */
export const UNKNOWN_HEAD = {
  seq: 0,
  visibility: 'public',
  topic: null,
  role: undefined,
  slowMode: 0,
  isArchived: false,
  invite: 'members'
} as const

/** Returns the settings that a room from the HTTP API, or an entry of type `room`, contains. */
export const settingsOf = ({ slow_mode_seconds, archived, invite }: RoomSettings): Partial<RoomHead> => ({
  ...(slow_mode_seconds === undefined ? {} : { slowMode: slow_mode_seconds }),
  ...(archived === undefined ? {} : { isArchived: archived }),
  ...(invite === undefined ? {} : { invite })
})

/** Returns what the list shows of a room. `names` are the names of the other members of a direct room, if they are known. */
export const headOf = (room: RoomShown & RoomSettings, names: string | undefined): RoomHead => ({
  ...UNKNOWN_HEAD,
  title: (room.visibility === 'direct' ? names : undefined) ?? room.title ?? untitledOf(room.room, room.visibility),
  seq: room.seq,
  visibility: room.visibility,
  topic: room.topic,
  role: room.role,
  ...settingsOf(room)
})

/** Returns what an item of the inbox contains about its room. */
export const headOfItem = ({ room, title, visibility, role, seq, people }: InboxItem): Partial<RoomHead> => ({
  title: people ? directTitleOf(people) : (title ?? untitledOf(room, visibility)),
  visibility,
  role,
  seq
})

const collator = new Intl.Collator(undefined, { sensitivity: 'base' })

/** Orders rooms by their latest message, then by title, regardless of case. */
export const compareRooms = (one: RoomEntry, other: RoomEntry): number => {
  if (one.at !== other.at) return one.at > other.at ? -1 : 1
  return collator.compare(one.title, other.title) || (one.name < other.name ? -1 : 1)
}

/**
 * Returns whether the user may moderate a room, for example delete messages of others. `isAdmin` is true for an administrator of
 * the service.
 */
export const mayModerate = ({ visibility, role }: Pick<RoomHead, 'visibility' | 'role'>, isAdmin: boolean): boolean =>
  visibility !== 'direct' && (role === 'owner' || role === 'moderator' || (isAdmin && visibility === 'public'))

/** Returns whether the list shows the room as unread. */
export const isUnread = ({ unread, isMarked }: RoomEntry): boolean => unread > 0 || isMarked

/** Returns whether the user may no longer read the room, or never could. */
export const isGone = ({ status, error }: RoomState): boolean =>
  (status === 'refused' || status === 'left') && error !== undefined && GONE.includes(error.code)
