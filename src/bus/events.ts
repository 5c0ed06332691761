/**
 * Defines the events of the bus and their fields. Processes of several versions share a bus, so the name and the type of a
 * field must never change. A process ignores events of an unknown kind.
 */

/**
 * Maps a kind of event to its fields. The bus may lose events, so anything that must not be lost is read from the database. In
 * the descriptions of `present`, `alive` and `gone`, "the process" is the process that publishes the event.
 */
export interface BusEvents {
  /**
   * Users, rooms or messages were changed or deleted in the database. Published by triggers of the database
   * (drizzle/0005_changes.sql).
   */
  readonly changed: object
  /**
   * Lists the users who are connected to the process and subscribed to the room. If there are too many to list, contains only
   * `count`.
   */
  readonly present: {
    readonly room: number
    readonly users?: readonly (readonly [userId: number, username: string])[]
    readonly count?: number
  }
  /** The process is still running, so its users are still present. */
  readonly alive: object
  /** The process is stopping, so its users are no longer present. */
  readonly gone: object
  readonly typing: { readonly room: number; readonly user_id: number; readonly username: string }
  /**
   * Members have read a room up to an entry. If `is_shared` is false or absent, each of these members may see only their own read
   * mark.
   */
  readonly read: {
    readonly room: number
    readonly reads: readonly (readonly [userId: number, readSeq: number])[]
    readonly is_shared?: boolean
  }
  /** Users became or ceased to be members of rooms, or hid or showed a room in their inbox. */
  readonly members: { readonly users: readonly number[] }
  /** The request `request` has appended an entry. Published only if the process logs at the level `debug`. */
  readonly appended: { readonly room: number; readonly seq: number; readonly request: string }
  /** Makes each process call `authorize` again for a user and a room. */
  readonly recheck: Repeated & { readonly room: string }
  /** Closes all connections of a user. */
  readonly disconnect: Repeated
}

/** The fields of a revocation. A revocation is published several times, because the bus may lose an event. */
interface Repeated {
  /** The `id` that the user has as a `PublicUser` (src/chat/access/authorize.ts). */
  readonly person: string
  /** Identifies the revocation, so that a repetition has no effect. */
  readonly word: string
  /** Milliseconds since the revocation was first published. If absent, 0 is assumed. */
  readonly age_ms?: number
}

export type BusEventKind = keyof BusEvents

/** An event with its kind, as it is sent. */
export type BusEvent<Kind extends BusEventKind = BusEventKind> = {
  [One in Kind]: { readonly kind: One } & BusEvents[One]
}[Kind]

/** Maps each kind to a handler. `from` identifies the process that published the event. */
export type BusEventHandlers = {
  readonly [Kind in BusEventKind]: (event: BusEvent<Kind>, from: string) => void
}

type Check = (value: unknown) => boolean

const isNumber: Check = value => Number.isFinite(value)
const isText: Check = value => typeof value === 'string'
const isUsers: Check = value =>
  Array.isArray(value) && value.every(user => Array.isArray(user) && isNumber(user[0]) && isText(user[1]))
const isReads: Check = value =>
  Array.isArray(value) && value.every(read => Array.isArray(read) && isNumber(read[0]) && isNumber(read[1]))
const isNumbers: Check = value => Array.isArray(value) && value.every(isNumber)
const isBoolean: Check = value => typeof value === 'boolean'
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)

const repeated = { person: isText, word: isText, age_ms: optional(isNumber) }

const FIELDS: { readonly [Kind in BusEventKind]: { readonly [Field in keyof BusEvents[Kind]]-?: Check } } = {
  changed: {},
  present: { room: isNumber, users: optional(isUsers), count: optional(isNumber) },
  alive: {},
  gone: {},
  typing: { room: isNumber, user_id: isNumber, username: isText },
  read: { room: isNumber, reads: isReads, is_shared: optional(isBoolean) },
  members: { users: isNumbers },
  appended: { room: isNumber, seq: isNumber, request: isText },
  recheck: { ...repeated, room: isText },
  disconnect: repeated
}

/** Returns whether a value from another process is an event of a known kind with valid fields. */
export const isBusEvent = (value: unknown): value is BusEvent => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  const { kind } = value
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) return false
  return Object.entries<Check>(FIELDS[kind as BusEventKind]).every(([field, check]) => check(Reflect.get(value, field)))
}
