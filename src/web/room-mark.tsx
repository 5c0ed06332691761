/** Renders the mark of a room: a `#`, a lock for a private room, or an `@` for direct messages. */
import { Icon } from './icons.tsx'
import type { Visibility } from './room-entry.ts'

export const RoomMark = ({ visibility }: { readonly visibility: Visibility | undefined }) => {
  if (visibility === 'direct') return <>@</>
  if (visibility !== 'private') return <>#</>
  return (
    <Icon size={14}>
      <path d="M4.5 9h11v8h-11zM7 9V6a3 3 0 0 1 6 0v3" />
    </Icon>
  )
}
