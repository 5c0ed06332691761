/** Renders the dialog to open direct messages with one or more users. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ChatApi } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { Cross } from '../icons.tsx'
import { Refusal } from '../refusal.tsx'
import { goTo } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { type FoundUser, PeopleSearch } from './people-search.tsx'

interface NewDirectProps {
  readonly api: ChatApi
  readonly me: number | undefined
  readonly rooms: Rooms
  readonly onClose: () => void
}

/** Maximum number of other users in a direct room. */
const MAX_OTHERS = 7

export const NewDirect = ({ api, me, rooms, onClose }: NewDirectProps) => {
  const [chosen, setChosen] = useState<readonly FoundUser[]>([])
  const action = useAction()
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])

  const focusSearch = (): void => dialog.current?.querySelector('input')?.focus()
  const open = (): void => {
    if (chosen.length === 0) return
    void action.run(async () => {
      goTo(await rooms.openDirect(chosen.map(({ user_id: id }) => id)))
      onClose()
    })
  }
  const remove = (id: number): void => {
    setChosen(chosen.filter(user => user.user_id !== id))
    focusSearch()
  }

  return (
    <dialog ref={dialog} class="card" onClose={onClose} aria-labelledby="new-direct-title">
      {/* Enter in the search must not open a room, because the user may not have chosen everybody yet. */}
      <form onSubmit={event => event.preventDefault()}>
        <h2 id="new-direct-title">New direct message</h2>
        {chosen.length > 0 && (
          <ul class="chosen" aria-label="Chosen people">
            {chosen.map(({ user_id: id, username }) => (
              <li key={id}>
                <span dir="auto">{username}</span>
                <button type="button" class="unchoose" onClick={() => remove(id)} aria-label={`Remove ${username}`}>
                  <Cross />
                </button>
              </li>
            ))}
          </ul>
        )}
        <PeopleSearch
          api={api}
          hidden={new Set([...(me === undefined ? [] : [me]), ...chosen.map(({ user_id: id }) => id)])}
          button={user => (
            <button
              type="button"
              class="plain"
              disabled={chosen.length >= MAX_OTHERS}
              aria-label={`Choose ${user.username}`}
              onClick={() => {
                setChosen([...chosen, user])
                // The button disappears, so the focus moves to the search.
                focusSearch()
              }}
            >
              Choose
            </button>
          )}
        />
        <Refusal error={action.error} />
        <div class="buttons">
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="button" class="primary" disabled={chosen.length === 0 || action.isBusy} onClick={open}>
            Open
          </button>
        </div>
      </form>
    </dialog>
  )
}
