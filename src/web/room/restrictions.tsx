/** Renders the muted and the banned users of a room, with buttons that end the restriction. */
import { useRef } from 'preact/hooks'
import type { Restriction } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { usePages } from '../pages.ts'
import { Refusal } from '../refusal.tsx'
import { shortTime } from '../times.ts'
import { moderationOf } from './apis.ts'
import type { RoomSectionProps } from './members.tsx'

const PAGE = 100

export const RestrictionsSection = ({ session, room }: Pick<RoomSectionProps, 'session' | 'room'>) => {
  const api = moderationOf(session)
  const list = useRef<HTMLUListElement>(null)
  const loading = useAction()
  const action = useAction()
  const pages = usePages<Restriction & { readonly id: string }>(loading, async after => {
    const page = await api.restrictions(room, { limit: PAGE, ...(after === undefined ? {} : { after }) })
    return { items: page.restrictions.map(one => ({ ...one, id: `${one.kind} ${one.user_id}` })), next: page.next }
  })
  const end = ({ kind, user_id: id }: Restriction): void =>
    void action.run(async () => {
      await (kind === 'mute' ? api.unmute(room, id) : api.unban(room, id))
      // The pressed button disappears, and with it the focus.
      list.current?.focus()
      pages.reload()
    })
  return (
    <>
      <Refusal error={loading.error ?? action.error} />
      <ul ref={list} class="entries" tabIndex={-1} aria-label="Muted and banned users">
        {pages.items.map(restriction => {
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
                aria-disabled={action.isBusy}
                aria-label={`${kind === 'ban' ? 'Unban' : 'Unmute'} ${username}`}
                onClick={() => end(restriction)}
              >
                {kind === 'ban' ? 'Unban' : 'Unmute'}
              </button>
            </li>
          )
        })}
      </ul>
      {pages.items.length === 0 && !loading.isBusy && !loading.error && <p class="hint">Nobody is muted or banned.</p>}
      {pages.hasMore && (
        <button type="button" class="plain" disabled={loading.isBusy} onClick={pages.loadMore}>
          Show more
        </button>
      )}
    </>
  )
}
