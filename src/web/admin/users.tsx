/** Renders the list of users with a search, and the selected user’s actions. */
import { useState } from 'preact/hooks'
import type { AdminApi, ManagedUser } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import type { WithProof } from '../proof.tsx'
import { fullDate } from '../times.ts'
import { UserActions } from './user-actions.tsx'

export interface AdminSectionProps {
  readonly admin: AdminApi
  readonly withProof: WithProof
}

/** The states in which a user can be changed. A user whose account is being deleted can't be changed. */
const CHANGEABLE: readonly string[] = ['active', 'suspended']

export const UsersSection = ({ admin, withProof, userId }: AdminSectionProps & { readonly userId: number }) => {
  const [query, setQuery] = useState('')
  const [selected, setSelected] = useState<number>()
  const pages = usePages(async after => {
    const { users, next } = await admin.users({ ...(query === '' ? {} : { query }), ...after })
    return { items: users, next }
  }, withProof)
  const changed = (user: ManagedUser | undefined): void => {
    if (user) return pages.replace(user)
    setSelected(undefined)
    pages.reload()
  }
  return (
    <>
      <form
        class="search"
        onSubmit={event => {
          event.preventDefault()
          pages.reload()
        }}
      >
        <Field name="user-query" label="Name begins with" value={query} inputMode="search" onInput={setQuery} />
        <button type="submit" class="primary" disabled={pages.isLoading}>
          Search
        </button>
      </form>
      <List pages={pages} empty="No user has this name.">
        {user => (
          <li key={user.id} class={user.id === selected ? 'open' : ''}>
            <div>
              <strong dir="auto">{user.username}</strong>
              {user.display_name && <span dir="auto"> {user.display_name}</span>}
              {user.role === 'admin' && <span class="mark">administrator</span>}
              {user.status !== 'active' && <span class="mark bad">{user.status}</span>}
              <p class="hint">since {fullDate(Date.parse(user.created_at))}</p>
            </div>
            {user.id === userId && <span class="hint">you</span>}
            {user.id !== userId && CHANGEABLE.includes(user.status) && (
              <button
                type="button"
                class="plain"
                aria-expanded={user.id === selected}
                aria-label={`Manage ${user.username}`}
                onClick={() => setSelected(user.id === selected ? undefined : user.id)}
              >
                Manage
              </button>
            )}
            {user.id === selected && <UserActions {...{ admin, withProof, user }} onChange={changed} />}
          </li>
        )}
      </List>
    </>
  )
}
