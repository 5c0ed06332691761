/** The settings of sessions. */
import { integer, ownedBy } from './define.ts'

const MAX_DAYS = 3650

export const sessionSettings = ownedBy('auth', {
  sessionIdleDays: integer(14, {
    minimum: 1,
    maximum: MAX_DAYS,
    unit: 'days',
    description: 'How long a session lasts after its last use.'
  }),
  sessionMaxDays: integer(90, {
    minimum: 1,
    maximum: MAX_DAYS,
    unit: 'days',
    description: 'How long a session lasts at most, however often it is used.'
  })
})
