/** Announces new messages of other users to screen readers. Doesn't announce history that is loaded. */
import { useEffect, useState } from 'preact/hooks'
import type { Room } from '../../client/src/index.ts'
import { previewOf } from './preview.ts'

export const Announcer = ({ room, me }: { readonly room: Room; readonly me: number | undefined }) => {
  const [text, setText] = useState('')
  useEffect(
    () =>
      room.on('message', ({ user_id, username, content }) => {
        if (user_id !== me && content !== null) setText(`${username}: ${previewOf(content)}`)
      }),
    [me]
  )
  return (
    <p class="hidden" role="status">
      {text}
    </p>
  )
}
