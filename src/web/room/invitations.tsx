/**
 * Renders the invitations to a room: a form that creates a link, and the links that can be used, each with a button to revoke it.
 */
import { useState } from 'preact/hooks'
import type { RoomInvitation } from '../../../client/src/index.ts'
import { Choice } from '../choice.tsx'
import { useAction } from '../hooks.ts'
import { inviteLinkOf } from '../invite-link.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { Refusal } from '../refusal.tsx'
import { shortTime } from '../times.ts'
import { invitationsOf } from './apis.ts'
import type { RoomSectionProps } from './members.tsx'

/** Lifetimes of an invitation in hours, with their labels. */
const DURATIONS = [
  ['24', '1 day'],
  ['168', '7 days'],
  ['720', '30 days']
] as const
const USES = [
  ['1', '1 person'],
  ['10', '10 people'],
  ['100', '100 people']
] as const

export const InvitationsSection = ({ session, room }: Pick<RoomSectionProps, 'session' | 'room'>) => {
  const api = invitationsOf(session)
  const [hours, setHours] = useState('168')
  const [uses, setUses] = useState('10')
  const [created, setCreated] = useState<RoomInvitation>()
  const action = useAction()
  const pages = usePages(async () => ({ items: (await api.list(room)).invitations }))
  const submit = (event: Event): void => {
    event.preventDefault()
    void action.run(async () => {
      setCreated(undefined)
      setCreated(await api.create(room, { expires_in_hours: Number(hours), uses: Number(uses) }))
      pages.reload()
    })
  }
  const revoke = (id: number): void =>
    pages.change(async () => {
      await api.revoke(room, id)
      if (created?.id === id) setCreated(undefined)
    })
  return (
    <>
      <form class="spaced" onSubmit={submit}>
        <p class="hint">Everybody who has the link can join the room.</p>
        <Choice name="invitation-hours" label="Valid for" value={hours} options={DURATIONS} onChange={setHours} />
        <Choice name="invitation-uses" label="Can be used by" value={uses} options={USES} onChange={setUses} />
        <Refusal error={action.error} />
        <button type="submit" class="primary" aria-disabled={action.isBusy}>
          Create a link
        </button>
      </form>
      {created && <NewLink link={created.link ?? inviteLinkOf(created.code)} />}
      <List pages={pages} label="Invitations" empty="There are no valid invitations.">
        {({ id, username, expires_at, uses_left }) => (
          <li key={id}>
            <div>
              <span>
                Created by <bdi>{username}</bdi>
              </span>
              <p class="hint">
                {uses_left === 1 ? '1 use' : `${uses_left} uses`} left, valid until {shortTime(Date.parse(expires_at))}
              </p>
            </div>
            <button type="button" class="plain bad" aria-disabled={pages.action.isBusy} onClick={() => revoke(id)}>
              Revoke
              <span class="hidden"> the invitation of {username}</span>
            </button>
          </li>
        )}
      </List>
    </>
  )
}

/** Renders the link of a new invitation. It is shown only once, because the service does not store the code. */
const NewLink = ({ link }: { readonly link: string }) => {
  const [isCopied, setCopied] = useState(false)
  const copy = (): void =>
    void navigator.clipboard.writeText(link).then(
      () => setCopied(true),
      () => {}
    )
  return (
    <div class="note new-link">
      <p>Send this link to the people. It is shown only once.</p>
      <code>{link}</code>
      {isSecureContext && (
        <button type="button" class="plain" onClick={copy}>
          Copy the link
        </button>
      )}
      <p role="status">{isCopied && 'Copied.'}</p>
    </div>
  )
}
