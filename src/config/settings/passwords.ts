/** The settings of passwords. */
import { flag, ownedBy } from './define.ts'

export const passwordSettings = ownedBy('auth', {
  passwordCommonCheck: flag(true, {
    description:
      'Whether to refuse new passwords that are common, variations of common ones, or little more than the name of the account.'
  })
})
