/** Says what others write to a screen reader: only what is new, not what is loaded from history. */
import { useEffect, useState } from 'preact/hooks'
import type { Room } from '../client/index.ts'
import { beginningOf } from './folding.ts'

export const Announcer = ({ room, me }: { readonly room: Room; readonly me: number | undefined }) => {
  const [said, setSaid] = useState('')
  useEffect(
    () =>
      room.on('message', ({ user_id, username, content }) => {
        if (user_id !== me && content !== null) setSaid(`${username}: ${beginningOf(content)}`)
      }),
    [me]
  )
  return (
    <p class="hidden" role="status">
      {said}
    </p>
  )
}
