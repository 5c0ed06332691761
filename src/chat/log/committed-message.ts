/** Creates the form of a committed message that host applications receive. */
import type { PublicUser } from '../access/authorize.ts'
import type { Body } from '../kinds/kind.ts'
import type { Entry } from './entry.ts'

/** A message as its sender provides it. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** A committed message in the form that host applications receive. */
export interface CommittedMessage {
  readonly id: number
  readonly room: string
  readonly seq: number
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown>
  readonly nonce?: string
  readonly createdAt: Date
}

export const committedMessage = (
  { room, content, meta, nonce }: Post & { readonly room: { readonly name: string } },
  user: PublicUser,
  { id, seq, createdAt }: Pick<Entry, 'id' | 'seq' | 'createdAt'>
): CommittedMessage => ({
  id,
  room: room.name,
  seq,
  user,
  content,
  ...(meta === undefined ? {} : { meta }),
  ...(nonce === undefined ? {} : { nonce }),
  createdAt: new Date(createdAt)
})

/** Returns the parsed `meta` of a message. */
export const metaOf = ({ meta }: Pick<Body, 'meta'>): Post['meta'] => (meta === null ? undefined : JSON.parse(meta))
