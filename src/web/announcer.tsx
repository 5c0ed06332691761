/**
 * Announces new messages of other users, and the results of the user's own actions, to screen readers. Doesn't announce history
 * that is loaded.
 */
import { useEffect, useState } from 'preact/hooks'
import type { Message, Room } from '../../client/src/index.ts'
import { previewOf } from './preview.ts'

interface AnnouncerProps {
  readonly room: Room
  readonly messages: readonly Message[]
  readonly me: number | undefined
  /** A sentence about the result of the user's last action. */
  readonly notice: string
}

export const Announcer = ({ room, messages, me, notice }: AnnouncerProps) => {
  const [announced, setAnnounced] = useState<Message>()
  useEffect(
    () =>
      room.on('message', next => {
        if (next.user_id !== me && next.content !== null) setAnnounced(next)
      }),
    [me]
  )
  // Removes the announcement as soon as the message is edited or deleted, because the former text must not stay in the page.
  const current = announced && findLast(messages, announced.seq)
  const isCurrent = current?.content === announced?.content
  return (
    <>
      <p class="hidden" role="status">
        {announced &&
          isCurrent &&
          `${announced.mentions?.includes(me ?? 0) ? 'Mentions you: ' : ''}${announced.username}: ${previewOf(announced.content ?? '')}`}
      </p>
      <p class="hidden" role="status">
        {notice}
      </p>
    </>
  )
}

const findLast = (messages: readonly Message[], seq: number): Message | undefined => {
  for (let at = messages.length - 1; at >= 0; at--) if (messages[at]?.seq === seq) return messages[at]
  return undefined
}
