/** Defines the message that a host application passes to the chat. */
import { type Static, Type } from '@sinclair/typebox'
import { Meta, Nonce, RoomName } from './messages.ts'

/** Describes a message that the host's own code publishes. The default of `room` is `general`. */
export const hostPost = Type.Object({
  room: Type.Optional(RoomName),
  content: Type.String({ minLength: 1, examples: ['Welcome!'] }),
  meta: Type.Optional(Meta),
  nonce: Type.Optional(Nonce)
})
export type HostPost = Static<typeof hostPost>
