/** Renders the mark of a room: a `#`, a lock for a private room, or an `@` for direct messages. */
import { Lock } from './icons.tsx'
import type { Visibility } from './room-entry.ts'

export const RoomMark = ({ visibility }: { readonly visibility: Visibility | undefined }) =>
  visibility === 'private' ? <Lock /> : visibility === 'direct' ? '@' : '#'
