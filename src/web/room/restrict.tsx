/** Renders the form to mute or ban a user: for how long, why, and whether to delete recent messages. */
import { useState } from 'preact/hooks'
import { Choice } from '../choice.tsx'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import { moderationOf } from './apis.ts'
import type { RoomSectionProps } from './members.tsx'

export interface RestrictProps extends Pick<RoomSectionProps, 'room' | 'session'> {
  readonly kind: 'mute' | 'ban'
  readonly user: { readonly user_id: number; readonly username: string }
  readonly onDone: () => void
}

/** Durations in hours, with their labels. An empty value means that the restriction has no end. */
const DURATIONS = [
  ['1', '1 hour'],
  ['24', '1 day'],
  ['168', '7 days'],
  ['720', '30 days'],
  ['', 'Without an end']
] as const
/** Maximum ages in hours of the messages to delete, with their labels. An empty value means that no messages are deleted. */
const ERASURES = [
  ['', 'Keep the messages'],
  ['1', 'Delete the messages of the last hour'],
  ['24', 'Delete the messages of the last day'],
  ['168', 'Delete the messages of the last 7 days']
] as const
const HOUR_MS = 3_600_000
const EFFECTS = {
  mute: 'A muted user can read, but not post, edit or react.',
  ban: 'A banned user can’t read or join the room, and can’t be added.'
}

export const Restrict = ({ session, room, kind, user, onDone }: RestrictProps) => {
  const [hours, setHours] = useState('24')
  const [reason, setReason] = useState('')
  const [erase, setErase] = useState('')
  const action = useAction()
  const submit = (event: Event): void => {
    event.preventDefault()
    const terms = {
      ...(hours === '' ? {} : { until: new Date(Date.now() + Number(hours) * HOUR_MS).toISOString() }),
      ...(reason.trim() === '' ? {} : { reason: reason.trim() })
    }
    void action.run(async () => {
      const api = moderationOf(session)
      if (kind === 'mute') await api.mute(room, user.user_id, terms)
      else await api.ban(room, user.user_id, { ...terms, ...(erase === '' ? {} : { erase: Number(erase) }) })
      onDone()
    })
  }
  return (
    <form class="spaced" onSubmit={submit}>
      <p class="hint">{EFFECTS[kind]}</p>
      <Choice name="restriction-hours" label="Duration" value={hours} options={DURATIONS} onChange={setHours} />
      {kind === 'ban' && (
        <Choice name="restriction-erase" label="Messages" value={erase} options={ERASURES} onChange={setErase} />
      )}
      <Field
        name="restriction-reason"
        label="Reason"
        value={reason}
        hint="Optional. The members of the room can read it."
        onInput={setReason}
      />
      <Refusal error={action.error} />
      <button type="submit" class="danger" aria-disabled={action.isBusy}>
        {kind === 'mute' ? 'Mute' : 'Ban'} {user.username}
      </button>
    </form>
  )
}
