/** Renders a search for people to add to a room. */
import { useRef, useState } from 'preact/hooks'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { RoomSectionProps } from './members.tsx'
import { type FoundUser, PeopleSearch } from './people-search.tsx'

export const AddSection = ({ api, room, me }: RoomSectionProps) => {
  const [added, setAdded] = useState<readonly FoundUser[]>([])
  const action = useAction()
  const box = useRef<HTMLDivElement>(null)
  const add = (user: FoundUser): void =>
    void action.run(async () => {
      await api.putMember(room, user.user_id)
      setAdded(before => [...before, user])
      // Sets the focus to the search, because the pressed button disappears.
      box.current?.querySelector('input')?.focus()
    })
  return (
    <div ref={box}>
      <PeopleSearch
        api={api}
        hidden={new Set(me === undefined ? [] : [me])}
        button={user =>
          added.includes(user) ? (
            <span class="hint">Added</span>
          ) : (
            <button
              type="button"
              class="plain"
              // A disabled button would lose the focus if the request fails. `run` ignores a second press.
              aria-disabled={action.isBusy}
              aria-label={`Add ${user.username}`}
              onClick={() => add(user)}
            >
              Add
            </button>
          )
        }
      />
      <Refusal error={action.error} />
      <p role="status" class="success">
        {added.length > 0 && (
          <>
            <bdi>{added.at(-1)?.username}</bdi> is a member now.
          </>
        )}
      </p>
    </div>
  )
}
