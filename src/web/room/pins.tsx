/** Renders the dialog with the pinned messages of a room. Each has a button that shows the message among the others. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { ChatApi, Message, Room } from '../../../client/src/index.ts'
import type { MessageActions } from '../actions/message-actions.ts'
import { useAction } from '../hooks.ts'
import { type Page, usePages } from '../pages.ts'
import { excerptOf } from '../quotes.ts'
import { Refusal } from '../refusal.tsx'
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

export const Pins = ({ api, room, actions, onClose, onJump }: PinsProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const loading = useAction()
  const pages = usePages<Message>(loading, after => loadPage(api, room.name, after as number | undefined))
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const { reload } = pages
  useEffect(
    () =>
      room.on('update', ({ type }) => {
        if (type === 'pin' || type === 'deletion') reload()
      }),
    []
  )
  return (
    <dialog ref={dialog} class="card" onClose={onClose} aria-labelledby="pins-title">
      <h2 id="pins-title">Pinned messages</h2>
      <Refusal error={loading.error} />
      <ul class="entries pins">
        {pages.items.map(message => (
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
        ))}
      </ul>
      {pages.items.length === 0 && !loading.isBusy && !loading.error && <p class="hint">No message is pinned.</p>}
      <div class="buttons">
        {pages.hasMore && (
          <button type="button" class="plain" disabled={loading.isBusy} onClick={pages.loadMore}>
            Show more
          </button>
        )}
        <button type="button" class="primary" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  )
}

const loadPage = async (api: ChatApi, room: string, after: number | undefined): Promise<Page<Message>> => {
  const { messages, next } = (await api.pins(room, {
    limit: PAGE,
    ...(after === undefined ? {} : { after })
  })) as { readonly messages: readonly Message[]; readonly next?: number }
  return { items: messages, next }
}
