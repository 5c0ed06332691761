/** The settings of administrators, of reports of messages, and of the audit log. */
import { flag, integer, ownedBy } from './define.ts'

const MAX_DAYS = 3650

export const administrationSettings = ownedBy('auth', {
  adminSecondFactor: flag(false, {
    description: 'Whether administrators need a second factor for the administration.'
  }),
  auditAddressDays: integer(30, {
    minimum: 1,
    maximum: MAX_DAYS,
    unit: 'days',
    description: 'How long the audit log contains the address and the User-Agent of clients.'
  })
})

export const reportSettings = ownedBy('auth', {
  reportDays: integer(30, {
    minimum: 1,
    maximum: MAX_DAYS,
    unit: 'days',
    description: 'How long a report of a message, with the copy of its text, is kept after it was resolved.'
  })
})

export const auditSettings = ownedBy('db', {
  auditDays: integer(365, {
    minimum: 1,
    maximum: MAX_DAYS,
    unit: 'days',
    description: 'How long an event stays in the audit log. A change applies to events that are recorded after it.'
  })
})
