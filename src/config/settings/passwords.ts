/** The settings of passwords. */
import { flag, ownedBy } from './define.ts'

export const passwordSettings = ownedBy('auth', {
  passwordCommonCheck: flag(true, {
    description:
      'Whether new passwords are refused that are common, variations of common ones, or little more than the name of the account.'
  })
})
