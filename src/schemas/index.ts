/** All the schemas by name, and the list of those that the API documents show as components. */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Entry, EntryList, Message, NewMessage } from './messages.ts'
import { Problem } from './problems.ts'
import { NewRoom, Presence, Room, RoomList } from './rooms.ts'
import { Entrance, Health, Liveness } from './service.ts'
import { AccessToken, Login, Registration, User } from './users.ts'

export * from './frames.ts'
export * from './messages.ts'
export * from './paging.ts'
export * from './problems.ts'
export * from './rooms.ts'
export * from './service.ts'
export * from './settings.ts'
export * from './timestamp.ts'
export * from './users.ts'

/** The schemas that HTTP routes refer to by `$id`. */
export const components = [
  Registration,
  Login,
  User,
  AccessToken,
  Message,
  Entry,
  EntryList,
  NewMessage,
  Room,
  RoomList,
  NewRoom,
  Presence,
  Problem,
  Entrance,
  Health,
  Liveness
]

/** A reference to a component that keeps its static type. */
export const refTo = <T extends TSchema>(schema: T) => Type.Unsafe<Static<T>>(Type.Ref(schema.$id ?? ''))
