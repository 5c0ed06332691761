/** Defines the schemas of registration, login and users, and the Unicode normalization of passwords before they are hashed. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { lineOf } from '../line.ts'
import { Timestamp } from '../timestamp.ts'
import { EmailAddress } from './emails.ts'

/** Describes the name of a registered user: 3-50 characters of `[A-Za-z0-9_-]`, unique regardless of case. */
export const Username = Type.String({
  minLength: 3,
  maxLength: 50,
  pattern: '^[A-Za-z0-9_-]*$',
  'x-rule': 'must have only letters of A-Z and a-z, digits, "_" and "-"',
  description: '3-50 characters of A-Z, a-z, 0-9, "_" and "-"; unique regardless of case.'
})

// Each rule has its own schema, so that the error lists every rule that a password violates. The message of a violation is the
// `description`. `x-has` is a keyword of src/protocol/validation.ts. It is used instead of `pattern`, because Unicode
// properties need a flag that generated clients do not set.
const passwordRules = [
  Type.String({ 'x-has': '\\p{Lu}', description: 'must have an upper-case letter' }),
  Type.String({ 'x-has': '\\p{Ll}', description: 'must have a lower-case letter' }),
  Type.String({ 'x-has': '\\p{Nd}', description: 'must have a digit' })
]

/** Maximum length of a password in characters, after normalization (Unicode NFC). */
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
  {
    username: Username,
    password: Password,
    email: Type.Optional(EmailAddress),
    invitation: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'Required if only invited people can register.' })
    )
  },
  { $id: 'ChatRegistration', examples: [{ username: 'john', password: 'SecurePass123' }] }
)
export type Registration = Static<typeof Registration>

/** The options of a session, which a login with a password or a passkey accepts. */
export const loginOptions = {
  session: Type.Optional(
    Type.Boolean({
      description: 'Whether to return a refresh token. Without one, the session ends when its access token expires.'
    })
  ),
  cookie: Type.Optional(
    Type.Boolean({
      description: 'Whether to set the refresh token as a cookie, for pages of the service itself. Implies `session`.'
    })
  ),
  remember: Type.Optional(
    Type.Boolean({ description: 'Whether the browser keeps the cookie when it is closed. The default is true.' })
  )
}

/**
 * Describes the body of `POST /api/auth/login`. Older accounts may violate the rules of registration, so this schema has fewer
 * rules.
 */
export const Login = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 50 }),
    password: Type.String({ minLength: 1, maxLength: MAX_PASSWORD }),
    ...loginOptions
  },
  { $id: 'ChatLogin', examples: [{ username: 'john', password: 'SecurePass123' }] }
)
export type Login = Static<typeof Login>

/** Describes the user in the responses of `POST /api/auth/register`, `GET /api/users/me` and `PATCH /api/users/me`. */
export const User = Type.Object(
  {
    id: Int64({ minimum: 1 }),
    username: Type.String(),
    display_name: Type.Optional(Type.String({ description: 'A name to display; absent if the user has set none.' })),
    role: Type.Optional(Type.Union([Type.Literal('user'), Type.Literal('admin')])),
    created_at: Timestamp,
    email: Type.Optional(
      Type.String({ description: 'The e-mail address. Absent if the user has none, or if the service sends no mail.' })
    ),
    email_is_verified: Type.Optional(Type.Boolean({ description: 'Absent if the service sends no mail.' })),
    pending_email: Type.Optional(
      Type.String({ description: 'An address that replaces `email` when it has been confirmed.' })
    )
  },
  { $id: 'ChatUser', examples: [{ id: 1, username: 'john', created_at: '2026-01-31T12:00:00.123+00:00' }] }
)
export type User = Static<typeof User>

const DisplayName = lineOf<string | null>(['string', 'null'], 200, {
  description: '1-200 characters in one line; null to remove it.'
})

/** Describes the body of `PATCH /api/users/me`. */
export const ProfileChange = Type.Object(
  { display_name: DisplayName },
  { $id: 'ChatProfileChange', examples: [{ display_name: 'John Doe' }] }
)
export type ProfileChange = Static<typeof ProfileChange>

/** Describes the body of `DELETE /api/users/me`. */
export const AccountDeletion = Type.Object(
  { erase: Type.Optional(Type.Boolean({ description: 'Whether all your messages are erased too.' })) },
  { $id: 'ChatAccountDeletion', examples: [{ erase: true }] }
)
export type AccountDeletion = Static<typeof AccountDeletion>

/** Describes the response to a login or a refresh: the access token, and the refresh token if the session has one. */
export const AccessToken = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT (RFC 7519). Send it as `Authorization: Bearer …`.' }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ minimum: 1, description: 'Seconds until the token expires.' }),
    session_id: Type.Optional(Type.String({ description: 'The session, if the login has refresh tokens.' })),
    refresh_token: Type.Optional(
      Type.String({ description: 'Send it to `POST /api/auth/refresh` for new tokens. Absent if it is in the cookie.' })
    ),
    refresh_expires_in: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Seconds until the session ends, unless it is used before.' })
    )
  },
  {
    $id: 'ChatAccessToken',
    examples: [{ access_token: 'eyJhbGciOiJIUzI1NiIsImtpZCI6…', token_type: 'bearer', expires_in: 1800 }]
  }
)
export type AccessToken = Static<typeof AccessToken>

/**
 * Maximum length in UTF-16 units of a password that is normalized. A longer password is not normalized, because normalization
 * takes quadratic time for combining marks. Such a password is too long in any form.
 */
const MAX_UNITS = 1024

/**
 * Returns the form (Unicode NFC) in which a password is measured and hashed. Keyboards may produce the same character, such as
 * `é`, as different code points.
 */
export const normalizePassword = (password: string): string =>
  password.length > MAX_UNITS ? password : password.normalize('NFC')
