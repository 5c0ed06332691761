/** Renders who is online in the room, and who is typing. */
import type { RoomState } from '../../client/src/index.ts'
import { Avatar } from './avatar.tsx'

type Presence = NonNullable<RoomState['presence']>

/**
 * Renders the list of users. If there are more than a hundred, renders only their number, because the service then sends no
 * names.
 */
export const PeopleList = ({ presence, me }: { readonly presence: Presence; readonly me: number | undefined }) => (
  <aside class="people" id="people" aria-label="People here">
    <h2>{presence.count === 1 ? '1 person here' : `${presence.count} people here`}</h2>
    <ul>
      {(presence.users ?? []).map(({ user_id, username }) => (
        <li key={user_id}>
          <Avatar id={user_id} name={username} />
          <span dir="auto">{username}</span>
          {user_id === me && <small>you</small>}
        </li>
      ))}
    </ul>
  </aside>
)

interface TypingProps {
  readonly typing: RoomState['typing']
  /** The text that is shown while nobody is typing. */
  readonly note: string
}

/** Renders who is typing. The line keeps its height when nobody is typing, so that nothing moves when somebody starts. */
export const Typing = ({ typing, note }: TypingProps) => (
  <p class="typing">
    {typing.length === 0 && note}
    {typing.length > 0 && (
      <>
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        {typingTextOf(typing.map(({ username }) => username))}
      </>
    )}
  </p>
)

const typingTextOf = (names: readonly string[]) => {
  const [first, second] = names
  if (names.length > 2) return `${names.length} people are typing…`
  return second === undefined ? (
    <span>
      <bdi>{first}</bdi> is typing…
    </span>
  ) : (
    <span>
      <bdi>{first}</bdi> and <bdi>{second}</bdi> are typing…
    </span>
  )
}
