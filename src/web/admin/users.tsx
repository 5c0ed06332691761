/** Renders the list of users with a search, and the selected user’s actions. */
import { useState } from 'preact/hooks'
import type { AdminApi, ManagedUser } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { usePages } from '../pages.ts'
import { useProtectedAction, type WithProof } from '../proof.tsx'
import { Refusal } from '../refusal.tsx'
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
  const loading = useProtectedAction(withProof)
  const pages = usePages<ManagedUser>(loading, async after => {
    const { users, next } = await admin.users({
      ...(query === '' ? {} : { query }),
      ...(after === undefined ? {} : { after })
    })
    return { items: users, next: next ?? undefined }
  })
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
        <button type="submit" class="primary" disabled={loading.isBusy}>
          Search
        </button>
      </form>
      <Refusal error={loading.error} />
      <ul class="entries">
        {pages.items.map(user => (
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
        ))}
      </ul>
      {pages.items.length === 0 && !loading.isBusy && !loading.error && <p class="hint">No user has this name.</p>}
      {pages.hasMore && (
        <button type="button" class="plain" disabled={loading.isBusy} onClick={pages.loadMore}>
          Show more
        </button>
      )}
    </>
  )
}
