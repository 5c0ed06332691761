/** Renders the dialog to open direct messages with one or more users. */
import { useRef, useState } from 'preact/hooks'
import type { ChatApi } from '../../../client/src/index.ts'
import { Dialog } from '../dialog.tsx'
import { useAction } from '../hooks.ts'
import { Cross } from '../icons.tsx'
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

  const focusSearch = (): void => dialog.current?.querySelector('input')?.focus()
  const open = async (): Promise<void> => {
    goTo(await rooms.openDirect(chosen.map(({ user_id: id }) => id)))
    onClose()
  }
  const remove = (id: number): void => {
    setChosen(chosen.filter(user => user.user_id !== id))
    focusSearch()
  }

  return (
    <Dialog
      title="New direct message"
      button="Open"
      box={dialog}
      isDisabled={chosen.length === 0}
      work={open}
      {...{ action, onClose }}
    >
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
      {/* Enter in the search must not open a room, because the user may not have chosen everybody yet. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: handles a key of the field. */}
      <div
        onKeyDown={event => {
          if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault()
        }}
      >
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
      </div>
    </Dialog>
  )
}
