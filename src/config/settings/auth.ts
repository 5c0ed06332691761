/** The settings of accounts, access tokens and keys. */
import { Type } from '@sinclair/typebox'
import { integer, limit, list, optional, ownedBy, text } from './define.ts'

const KEYS_ADVICE = 'Create one with `fastify-chat keys generate`.'

const PLACEHOLDER = /change[-_ ]?(me|this|it)|your[-_ ]?(secret|key|256)|replace[-_ ]?(me|this)|placeholder|example/i

const isStrong = (value: unknown): string[] =>
  PLACEHOLDER.test(String(value)) || new Set(String(value)).size < 10
    ? [`is a placeholder or too easy to guess. ${KEYS_ADVICE}`]
    : []

const secret = { minLength: 32, maxLength: 4096, advice: KEYS_ADVICE }
const fernetKey = {
  pattern: '^[\\w-]{42}[AEIMQUYcgkosw048]=$',
  'x-rule': 'must be a Fernet key: 32 bytes in URL-safe base64, 44 characters',
  advice: KEYS_ADVICE
}

export const authSettings = ownedBy('auth', {
  secretKey: text({
    ...secret,
    description: 'Signs access tokens: 32 characters or more.',
    example: '',
    check: isStrong
  }),
  secretKeyPrevious: list(Type.String(secret), {
    description: 'For rotation: former values of `SECRET_KEY`, kept for verification.'
  }),
  accessTokenExpireMinutes: integer(30, {
    minimum: 1,
    maximum: 525_600,
    unit: 'minutes',
    description: 'How long an access token is valid.'
  }),
  audience: optional(
    text({
      maxLength: 200,
      description: 'The `aud` claim of access tokens. Tokens with another audience are rejected.',
      derived: '`DATABASE_SCHEMA`'
    })
  ),
  bcryptRounds: integer(12, {
    minimum: 4,
    maximum: 16,
    unit: 'log2 of the iterations',
    description: 'The cost of bcrypt. Each step doubles the time of a login.'
  })
})

export const cryptoSettings = ownedBy('crypto', {
  encryptionKey: text({
    ...fernetKey,
    description: 'Encrypts messages at rest: a Fernet key. Without it, stored messages cannot be read.',
    example: '',
    check: isStrong
  }),
  encryptionKeyPrevious: list(Type.String(fernetKey), {
    description: 'For rotation: former values of `ENCRYPTION_KEY`, kept for decryption.'
  })
})

/** Rate limits of registrations, logins and related requests. Requests are counted across all processes. */
export const authRouteSettings = ownedBy('routes', {
  registerRateLimit: limit(5, {
    unit: 'requests per minute per IP address',
    description: 'Limits registrations. 0 for no limit.'
  }),
  loginRateLimit: limit(10, {
    unit: 'requests per minute per IP address',
    description: 'Limits logins. 0 for no limit.'
  })
})
