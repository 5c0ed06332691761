/** Defines what a host application passes to the chat. */
import { type Static, Type } from '@sinclair/typebox'
import { MemberRole } from './members.ts'
import { Meta, Nonce, RoomName } from './messages.ts'

/** Describes a message that the host's own code publishes. The default of `room` is `general`. */
export const hostPost = Type.Object({
  room: Type.Optional(RoomName),
  content: Type.String({ minLength: 1, examples: ['Welcome!'] }),
  meta: Type.Optional(Meta),
  nonce: Type.Optional(Nonce)
})
export type HostPost = Static<typeof hostPost>

/** Describes an entry of a kind of the host. The schema of the kind validates the data. The default of `room` is `general`. */
export const hostData = Type.Object({
  room: Type.Optional(RoomName),
  kind: Type.String(),
  nonce: Type.Optional(Nonce)
})

/** Describes the room and the role that the host's own code passes to change a member. The user is validated separately. */
export const hostMember = Type.Object({ room: RoomName, role: Type.Optional(MemberRole) })
