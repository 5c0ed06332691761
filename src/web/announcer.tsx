/** Announces new messages of other users to screen readers. Doesn't announce history that is loaded. */
import { useEffect, useState } from 'preact/hooks'
import type { Message, Room } from '../../client/src/index.ts'
import { previewOf } from './preview.ts'

export const Announcer = ({ room, me }: { readonly room: Room; readonly me: number | undefined }) => {
  const [message, setMessage] = useState<Message>()
  useEffect(() => {
    const stops = [
      room.on('message', next => {
        if (next.user_id !== me && next.content !== null) setMessage(next)
      }),
      room.on('erasure', ({ userId }) => setMessage(shown => (shown?.user_id === userId ? undefined : shown)))
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [me])
  return (
    <p class="hidden" role="status">
      {message && `${message.username}: ${previewOf(message.content ?? '')}`}
    </p>
  )
}
