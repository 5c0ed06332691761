/** Renders the users whom this user has blocked, with buttons that end the block. */
import type { Session } from '../../../client/src/index.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { safetyOf } from '../room/apis.ts'

interface BlockedSectionProps {
  readonly session: Session
  /** Called with the ids of all blocked users when the list is loaded. */
  readonly onBlocked: (blocked: ReadonlySet<number>) => void
}

export const BlockedSection = ({ session, onBlocked }: BlockedSectionProps) => {
  const api = safetyOf(session)
  const pages = usePages(async () => {
    const { blocks } = await api.blocks()
    onBlocked(new Set(blocks.map(({ user_id }) => user_id)))
    return { items: blocks.map(one => ({ ...one, id: one.user_id })) }
  })
  return (
    <>
      <h3>Blocked people</h3>
      <p class="hint">The menu of a message blocks its author. Neither of you can post in your direct messages.</p>
      <List pages={pages} label="Blocked people" empty="You have blocked nobody.">
        {({ id, username }) => (
          <li key={id}>
            <span class="name" dir="auto">
              {username}
            </span>
            <button
              type="button"
              class="plain"
              aria-disabled={pages.action.isBusy}
              aria-label={`Unblock ${username}`}
              onClick={() => pages.change(() => api.unblock(id))}
            >
              Unblock
            </button>
          </li>
        )}
      </List>
    </>
  )
}
