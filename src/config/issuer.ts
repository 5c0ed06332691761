/** Checks that the settings of another issuer of access tokens are complete. */
import type { BadSetting } from './errors.ts'
import type { SettingsInput } from './settings.ts'

/** Returns the settings that are missing although other settings require them. */
export const issuerOf = (input: Partial<SettingsInput>): BadSetting[] => {
  const { authIssuer, authAudience, authJwksUrl, authLocal } = input
  if (authIssuer !== undefined) {
    if (authAudience !== undefined) return []
    return [{ name: 'authAudience', message: 'is missing. AUTH_ISSUER (authIssuer) requires it' }]
  }
  const requiring = [
    ...(authAudience === undefined ? [] : ['AUTH_AUDIENCE (authAudience)']),
    ...(authJwksUrl === undefined ? [] : ['AUTH_JWKS_URL (authJwksUrl)']),
    ...(authLocal === false ? ['AUTH_LOCAL=false (authLocal)'] : [])
  ]
  if (requiring.length === 0) return []
  const verb = requiring.length === 1 ? 'requires' : 'require'
  return [{ name: 'authIssuer', message: `is missing. ${requiring.join(' and ')} ${verb} it` }]
}
