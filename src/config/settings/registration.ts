/** The setting that decides who can register. */
import { oneOf, ownedBy } from './define.ts'

export const registrationSettings = ownedBy('auth', {
  registration: oneOf(['open', 'invite', 'closed'], {
    default: 'open',
    description:
      'Who can register: everyone (`open`), only people with an invitation from an administrator (`invite`), or nobody (`closed`).'
  })
})
