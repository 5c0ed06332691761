/** Renders the muted and the banned users of a room, with buttons that end the restriction. */
import type { Restriction } from '../../../client/src/index.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { shortTime } from '../times.ts'
import { moderationOf } from './apis.ts'
import type { RoomSectionProps } from './members.tsx'

const PAGE = 100

export const RestrictionsSection = ({ session, room }: Pick<RoomSectionProps, 'session' | 'room'>) => {
  const api = moderationOf(session)
  const pages = usePages(async after => {
    const { restrictions, next } = await api.restrictions(room, { limit: PAGE, ...after })
    return { items: restrictions.map(one => ({ ...one, id: `${one.kind} ${one.user_id}` })), next }
  })
  const end = ({ kind, user_id: id }: Restriction): void =>
    pages.change(() => (kind === 'mute' ? api.unmute(room, id) : api.unban(room, id)))
  return (
    <List pages={pages} label="Muted and banned users" empty="Nobody is muted or banned.">
      {restriction => {
        const { id, username, kind, until, reason } = restriction
        return (
          <li key={id}>
            <div>
              <strong dir="auto">{username}</strong>
              <span class={kind === 'ban' ? 'mark bad' : 'mark'}>{kind === 'ban' ? 'banned' : 'muted'}</span>
              <p class="hint">{until ? `until ${shortTime(Date.parse(until))}` : 'without an end'}</p>
              {reason && <p dir="auto">{reason}</p>}
            </div>
            <button
              type="button"
              class="plain"
              aria-disabled={pages.action.isBusy}
              aria-label={`${kind === 'ban' ? 'Unban' : 'Unmute'} ${username}`}
              onClick={() => end(restriction)}
            >
              {kind === 'ban' ? 'Unban' : 'Unmute'}
            </button>
          </li>
        )
      }}
    </List>
  )
}
