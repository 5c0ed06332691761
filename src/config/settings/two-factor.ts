/** The settings of second factors. */
import { flag, ownedBy } from './define.ts'

export const twoFactorSettings = ownedBy('auth', {
  passkeys: flag(true, {
    description:
      'Whether users may add passkeys. Passkeys need a `PUBLIC_URL` with a host name, and the package `@simplewebauthn/server`, which the image contains.'
  })
})
