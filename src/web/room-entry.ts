/** Defines an entry of the list of rooms, and derives its title. */
import type { ChatApi, RoomState } from '../../client/src/index.ts'

type RoomShown = Awaited<ReturnType<ChatApi['showRoom']>>

export type Visibility = RoomShown['visibility']
export type MemberRole = NonNullable<RoomShown['role']>

/** What the page knows about a room. */
export interface RoomHead {
  /** The title, or the name of a room without a title. The title of a direct room consists of the names of the other members. */
  readonly title: string
  readonly seq: number
  readonly visibility: Visibility
  readonly topic: string | null
  /** The user's role. Undefined if the user is not a member. */
  readonly role: MemberRole | undefined
}

export interface RoomEntry extends Omit<RoomHead, 'seq'> {
  readonly name: string
  readonly unread: number
}

/** The codes of the errors after which the user may not read a room. With the first four, the service has ended a subscription. */
const GONE: readonly string[] = ['removed', 'banned', 'private', 'deleted', 'room_not_found', 'not_allowed']

const UNTITLED: { readonly [visibility in Visibility]?: string } = { private: 'Private room', direct: 'Direct message' }

/** Returns what the page shows of a room without a title. */
export const untitledOf = (room: string, visibility: Visibility = 'public'): string => UNTITLED[visibility] ?? room

/** Returns what the list shows of a room. `names` are the names of the other members of a direct room, if they are known. */
export const headOf = (room: RoomShown, names: string | undefined): RoomHead => ({
  title: (room.visibility === 'direct' ? names : undefined) ?? room.title ?? untitledOf(room.room, room.visibility),
  seq: room.seq,
  visibility: room.visibility,
  topic: room.topic,
  role: room.role
})

const collator = new Intl.Collator(undefined, { sensitivity: 'base' })

/** Orders rooms by title, regardless of case. */
export const compareRooms = (one: RoomEntry, other: RoomEntry): number =>
  collator.compare(one.title, other.title) || (one.name < other.name ? -1 : 1)

/** Returns whether the user may no longer read the room, or never could. */
export const isGone = ({ status, error }: RoomState): boolean =>
  (status === 'refused' || status === 'left') && error !== undefined && GONE.includes(error.code)
