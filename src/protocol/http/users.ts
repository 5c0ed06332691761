/** Defines registration, login, and users in the API. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'

/** Describes the name of a registered user: 3-50 characters of `[A-Za-z0-9_-]`, unique without regard to case. */
export const Username = Type.String({
  minLength: 3,
  maxLength: 50,
  pattern: '^[A-Za-z0-9_-]*$',
  'x-rule': 'must have only letters of A-Z and a-z, digits, "_" and "-"',
  description: '3-50 characters of A-Z, a-z, 0-9, "_" and "-"; unique without regard to case.'
})

// One schema per rule, so that the error names every rule that a password breaks; the description is the violation's message.
// Not `pattern`: Unicode properties need a flag that generated clients do not set. `x-has` is a keyword of our validator.
const passwordRules = [
  Type.String({ 'x-has': '\\p{Lu}', description: 'must have an upper-case letter' }),
  Type.String({ 'x-has': '\\p{Ll}', description: 'must have a lower-case letter' }),
  Type.String({ 'x-has': '\\p{Nd}', description: 'must have a digit' })
]

/** Limits a password, in characters after normalization (Unicode NFC). */
export const MAX_PASSWORD = 128

/** Describes a new password: 8-128 characters with an upper-case letter, a lower-case letter and a digit. */
export const Password = Type.String({
  minLength: 8,
  maxLength: MAX_PASSWORD,
  allOf: passwordRules,
  description: '8-128 characters with an upper-case letter, a lower-case letter and a digit'
})

/** Describes the body of `POST /api/auth/register`. */
export const Registration = Type.Object(
  { username: Username, password: Password },
  { $id: 'ChatRegistration', examples: [{ username: 'john', password: 'SecurePass123' }] }
)
export type Registration = Static<typeof Registration>

/** Describes the body of `POST /api/auth/login`. It has fewer rules than a registration, so that older accounts can log in. */
export const Login = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 50 }),
    password: Type.String({ minLength: 1, maxLength: MAX_PASSWORD })
  },
  { $id: 'ChatLogin', examples: [{ username: 'john', password: 'SecurePass123' }] }
)
export type Login = Static<typeof Login>

/** Describes a user in the API. */
export const User = Type.Object(
  { id: Int64({ minimum: 1 }), username: Type.String(), created_at: Timestamp },
  { $id: 'ChatUser', examples: [{ id: 1, username: 'john', created_at: '2026-01-31T12:00:00.123+00:00' }] }
)
export type User = Static<typeof User>

/** Describes the response to a login: the access token (a JWT, RFC 7519) and its lifetime. */
export const AccessToken = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT (RFC 7519). Send it as `Authorization: Bearer …`.' }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ minimum: 1, description: 'Seconds until the token expires.' })
  },
  {
    $id: 'ChatAccessToken',
    examples: [{ access_token: 'eyJhbGciOiJIUzI1NiIsImtpZCI6…', token_type: 'bearer', expires_in: 1800 }]
  }
)
export type AccessToken = Static<typeof AccessToken>

/** Limits normalization, which takes quadratic time for combining marks. A text with more UTF-16 units is too long in any form. */
const MAX_UNITS = 1024

/** Returns the form in which a password is measured and hashed (Unicode NFC): keyboards differ in how they produce `é`. */
export const normalizePassword = (password: string): string =>
  password.length > MAX_UNITS ? password : password.normalize('NFC')
