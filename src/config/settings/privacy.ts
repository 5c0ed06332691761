/** The settings of deleted accounts. */
import { integer, oneOf, ownedBy } from './define.ts'

export const privacySettings = ownedBy('privacy', {
  onDelete: oneOf(['keep', 'erase'], {
    default: 'keep',
    description:
      'What happens to the messages of a deleted account. With `keep` they stay under the name `deleted user <id>`, unless the user requests `erase`.'
  }),
  nameHoldDays: integer(90, {
    maximum: 3650,
    unit: 'days',
    description: 'How long the name of a deleted account cannot be registered. 0 frees the name immediately.'
  })
})
