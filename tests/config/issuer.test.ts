/** Tests the settings of another token issuer, and a start without the package that these settings need. */
import { expect, test } from 'vitest'
import { loadJose } from '../../src/accounts/issuers/jose.ts'
import { ConfigError, resolveSettings } from '../../src/config/resolve.ts'
import { mayLeadTo } from '../../src/lib/secure-url.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const needed = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, databaseUrl: 'postgres://u:p@h/d' }

const resolved = (values: Record<string, string>) =>
  resolveSettings({ values: { ...needed, ...values }, mode: 'production', names: 'environment' }).settings

const errorOf = (values: Record<string, string>): string => {
  try {
    resolved(values)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

test('AUTH_ISSUER is an https URL, or an http URL of this computer', () => {
  const authAudience = 'chat'
  for (const authIssuer of ['https://login.example.com/realms/main', 'http://localhost:8080/', 'http://[::1]:1']) {
    expect(resolved({ authIssuer, authAudience })).toMatchObject({ authIssuer, authLocal: true })
  }
  for (const authIssuer of [
    'http://login.example.com',
    'https://u:p@example.com',
    'https://example.com/?a',
    'example'
  ]) {
    expect(errorOf({ authIssuer, authAudience })).toContain('AUTH_ISSUER must be an https:// URL')
  }
  expect(errorOf({ authIssuer: 'https://x.example', authAudience, authJwksUrl: 'http://x.example/keys' })).toContain(
    'AUTH_JWKS_URL must be an https:// URL'
  )
})

test('settings of another issuer require each other', () => {
  expect(errorOf({ authIssuer: 'https://x.example' })).toContain('AUTH_AUDIENCE is missing. AUTH_ISSUER')
  expect(errorOf({ authAudience: 'chat' })).toContain(
    'AUTH_ISSUER is missing. AUTH_AUDIENCE (authAudience) requires it'
  )
  expect(errorOf({ authLocal: 'false' })).toContain('AUTH_ISSUER is missing. AUTH_LOCAL=false (authLocal) requires it')
  expect(errorOf({ registration: 'some' })).toContain('REGISTRATION must be one of open, invite, closed')
})

test('an issuer on another computer may not refer the service to this computer', () => {
  expect(mayLeadTo('https://x.example', 'https://y.example/keys')).toBe(true)
  expect(mayLeadTo('https://x.example', 'http://localhost/keys')).toBe(false)
  expect(mayLeadTo('https://x.example', 'https://127.0.0.1/keys')).toBe(false)
  expect(mayLeadTo('http://localhost', 'http://localhost/keys')).toBe(true)
})

test('a start without the package fails with the command that installs it', async () => {
  const missing = loadJose(() => Promise.reject(new Error('Cannot find package')))
  await expect(missing).rejects.toThrow('AUTH_ISSUER is set, but jose is not installed. Run `npm install jose`.')
})
