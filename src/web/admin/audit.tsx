/** Renders the audit log, newest entry first. */
import { useState } from 'preact/hooks'
import type { AuditEvent } from '../../../client/src/index.ts'
import { deviceOf } from '../account/device.ts'
import { Field } from '../field.tsx'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { fullTime } from '../times.ts'
import type { AdminSectionProps } from './users.tsx'

export const AuditSection = ({ admin, withProof }: AdminSectionProps) => {
  const [user, setUser] = useState('')
  const [event, setEvent] = useState('')
  const pages = usePages(async after => {
    const { events, next } = await admin.audit({
      ...(user === '' ? {} : { user: Number(user) }),
      ...(event === '' ? {} : { event }),
      ...after
    })
    return { items: events, next }
  }, withProof)
  return (
    <>
      <form
        class="search"
        onSubmit={submitted => {
          submitted.preventDefault()
          pages.reload()
        }}
      >
        <Field
          name="audit-user"
          label="Id of a user"
          value={user}
          onInput={value => setUser(value.replace(/\D/g, ''))}
        />
        <Field name="audit-event" label="Event" value={event} onInput={value => setEvent(value.trim())} />
        <button type="submit" class="primary" disabled={pages.isLoading}>
          Search
        </button>
      </form>
      <List pages={pages} class="audit" empty="There are no entries.">
        {entry => (
          <li key={entry.id}>
            <div>
              <strong>{entry.event}</strong>
              <p class="hint">{fullTime(Date.parse(entry.at))}</p>
            </div>
            <span class="hint">{detailsOf(entry)}</span>
          </li>
        )}
      </List>
    </>
  )
}

const SHOWN_ELSEWHERE = ['id', 'event', 'at', 'agent']

/** Returns the fields that are not shown elsewhere, as text. Omits empty fields. */
const detailsOf = ({ agent, detail, count, ...fields }: AuditEvent): string =>
  [
    ...Object.entries({ ...fields, ...(detail ?? {}) })
      .filter(([name, value]) => !SHOWN_ELSEWHERE.includes(name) && value !== null && value !== undefined)
      .map(([name, value]) => `${name}: ${value}`),
    ...(count > 1 ? [`${count} times`] : []),
    ...(agent ? [deviceOf(agent)] : [])
  ].join(', ')
