/** Creates the form of a committed entry that host applications receive. */
import type { Static, TSchema } from '@sinclair/typebox'
import type { PublicUser } from '../access/authorize.ts'
import type { DeletionFrame } from '../kinds/deletion.ts'
import type { EditFrame } from '../kinds/edit.ts'
import type { HostKinds } from '../kinds/host-kind.ts'
import type { MembershipFrame } from '../kinds/membership.ts'
import type { MessageFrame } from '../kinds/message.ts'
import type { PinFrame } from '../kinds/pin.ts'
import type { ReactionFrame } from '../kinds/reaction.ts'
import type { RoomFrame } from '../kinds/room.ts'
import type { Entry } from './entry.ts'

type Frames =
  | Static<typeof MessageFrame>
  | Static<typeof EditFrame>
  | Static<typeof DeletionFrame>
  | Static<typeof ReactionFrame>
  | Static<typeof PinFrame>
  | Static<typeof MembershipFrame>
  | Static<typeof RoomFrame>

/** The fields of every entry. */
export interface CommittedFields {
  readonly id: number
  /** The name of the room. */
  readonly room: string
  readonly seq: number
  /**
   * The author of the entry. If the host application has changed the members of a room, the author is the user whom the change
   * concerns.
   */
  readonly user: PublicUser
  readonly nonce?: string
  readonly createdAt: Date
}

type FromFrame<Frame> = Frame extends { readonly type: string }
  ? Readonly<Omit<Frame, keyof CommittedFields | 'user_id' | 'username' | 'timestamp'>> & CommittedFields
  : never

/** An entry of a kind of the host application. `data` has the form that the schema of the kind declares. */
export type CommittedData<Name extends string, Data> = CommittedFields & {
  readonly type: Name
  readonly data: Data
}

type FromKinds<Kinds extends HostKinds> = {
  [Name in keyof Kinds & string]: CommittedData<Name, Kinds[Name] extends TSchema ? Static<Kinds[Name]> : unknown>
}[keyof Kinds & string]

/**
 * A committed entry of any kind. Except for `user` and `createdAt`, the fields are those of the frame that subscribers receive;
 * see docs/protocol.md. `type` is the kind.
 */
export type CommittedEntry<Kinds extends HostKinds = Record<never, never>> = FromFrame<Frames> | FromKinds<Kinds>

/** Returns an entry in the form that host applications receive. */
export const hostEntry = ({ frame, head, createdAt }: Entry, user: PublicUser): CommittedEntry => {
  const { user_id: _, username: __, timestamp: ___, ...fields } = JSON.parse(frame.toString('utf8', head))
  return { ...fields, user, createdAt: new Date(createdAt) }
}
