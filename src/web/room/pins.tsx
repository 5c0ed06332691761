/** Renders the dialog with the pinned messages of a room. Each has a button that shows the message in the list of messages. */
import { useEffect, useRef } from 'preact/hooks'
import type { ChatApi, Message, Room } from '../../../client/src/index.ts'
import type { MessageActions } from '../actions/message-actions.ts'
import { Dialog } from '../dialog.tsx'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { excerptOf } from '../quotes.ts'
import { shortTime } from '../times.ts'

interface PinsProps {
  readonly api: ChatApi
  readonly room: Room
  readonly actions: MessageActions
  readonly onClose: () => void
  /** Called to close the dialog and to show a message. */
  readonly onJump: (seq: number) => void
}

const PAGE = 50

interface Pinned {
  readonly messages: readonly Message[]
  readonly next?: number
}

export const Pins = ({ api, room, actions, onClose, onJump }: PinsProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  // Sets `id` to the `seq` of the message, because `usePages` identifies items by `id`.
  const pages = usePages(async after => {
    const { messages, next } = (await api.pins(room.name, { limit: PAGE, ...after })) as Pinned
    return { items: messages.map(message => ({ ...message, id: message.seq })), next }
  })
  const { reload } = pages
  useEffect(
    () =>
      room.on('update', ({ type }) => {
        if (type === 'pin' || type === 'deletion') reload()
      }),
    []
  )
  return (
    <Dialog title="Pinned messages" box={dialog} action={pages.action} onClose={onClose}>
      <List pages={pages} class="pins" empty="No message is pinned.">
        {message => (
          <li key={message.seq}>
            <div>
              <strong dir="auto">{message.username}</strong>{' '}
              <span class="hint">{shortTime(Date.parse(message.created_at))}</span>
              <p dir="auto">
                {message.content === null ? 'This message cannot be shown.' : excerptOf(message.content)}
              </p>
            </div>
            <div class="row">
              <button type="button" class="plain" onClick={() => onJump(message.seq)}>
                Show
                <span class="hidden"> the message of {message.username}</span>
              </button>
              {actions.may.pin && (
                <button
                  type="button"
                  class="plain"
                  onClick={() => {
                    actions.pin({ ...message, pinned: true })
                    dialog.current?.querySelector<HTMLElement>('.buttons button')?.focus()
                  }}
                >
                  Unpin
                  <span class="hidden"> the message of {message.username}</span>
                </button>
              )}
            </div>
          </li>
        )}
      </List>
    </Dialog>
  )
}
