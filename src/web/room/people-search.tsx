/** Renders a field to search users by the beginning of their names, and the users that were found, each with a button. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ChatApi, ChatApiError, type UserList } from '../../../client/src/index.ts'
import { Avatar } from '../avatar.tsx'
import { Field } from '../field.tsx'
import { Refusal } from '../refusal.tsx'

export type FoundUser = UserList['users'][number]

/** The result of a search. */
interface Found {
  readonly query: string
  readonly users: readonly FoundUser[]
}

interface PeopleSearchProps {
  readonly api: ChatApi
  /** The ids of users that are not shown. */
  readonly hidden: ReadonlySet<number>
  /** Renders the button of a user. */
  readonly button: (user: FoundUser) => ComponentChildren
}

/** The minimum length of a query, which the service requires. */
const MIN_QUERY = 2
const MAX_FOUND = 20
/** Time in milliseconds after the last key press before the search starts. */
const PAUSE_MS = 250

export const PeopleSearch = ({ api, hidden, button }: PeopleSearchProps) => {
  const [query, setQuery] = useState('')
  const { found, error, search } = useSearch(api)
  const wanted = query.trim()
  const isSearchable = [...wanted].length >= MIN_QUERY

  useEffect(() => {
    const timer = isSearchable ? setTimeout(() => void search(wanted), PAUSE_MS) : undefined
    return () => clearTimeout(timer)
  }, [wanted])

  const users = isSearchable ? (found?.users ?? []).filter(({ user_id: id }) => !hidden.has(id)) : []
  const isNobody = isSearchable && found?.query === wanted && users.length === 0
  return (
    <>
      <Field
        name="people-query"
        label="Name begins with"
        value={query}
        inputMode="search"
        hint="At least two characters."
        onInput={setQuery}
      />
      {error?.code === 'not_found' ? (
        <p class="refusal" role="alert">
          This service has no search for people.
        </p>
      ) : (
        <Refusal error={error} />
      )}
      <p class="hint" role="status">
        {isNobody && 'Nobody was found.'}
        {users.length > 0 && <span class="hidden">{users.length === 1 ? '1 person' : `${users.length} people`}</span>}
      </p>
      <ul class="entries">
        {users.map(user => (
          <li key={user.user_id}>
            <Avatar id={user.user_id} name={user.username} />
            <span class="name" dir="auto">
              {user.username}
            </span>
            {button(user)}
          </li>
        ))}
      </ul>
    </>
  )
}

/** Returns a search function, and the result and the error of its newest call. */
const useSearch = (api: ChatApi) => {
  const [found, setFound] = useState<Found>()
  const [error, setError] = useState<ChatApiError>()
  const newest = useRef('')
  const search = async (query: string): Promise<void> => {
    newest.current = query
    const result = await api.searchUsers(query, MAX_FOUND).catch((cause: unknown) => {
      if (!(cause instanceof ChatApiError)) throw cause
      return cause
    })
    // Ignores the late response to an earlier call.
    if (newest.current !== query) return
    if (result instanceof ChatApiError) return setError(result)
    setError(undefined)
    setFound({ query, users: result.users })
  }
  return { found, error, search }
}
