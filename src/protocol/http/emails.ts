/** Defines the schemas of e-mail addresses. */
import { type Static, Type } from '@sinclair/typebox'

/** Describes an e-mail address. src/accounts/emails/address.ts has the exact rules, which no pattern can express. */
export const EmailAddress = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: '^[^@\\s]+@[^@\\s]+$',
  'x-rule': 'must be an e-mail address such as john@example.com',
  description: 'An e-mail address, in any case.'
})

/** Describes the body of `PUT /api/users/me/email`. */
export const EmailBody = Type.Object(
  { email: EmailAddress },
  { $id: 'ChatEmail', examples: [{ email: 'john@example.com' }] }
)
export type EmailBody = Static<typeof EmailBody>

const TOKEN = { minLength: 1, maxLength: 100 }

/** Describes the body of `POST /api/auth/email/verify`. */
export const EmailVerification = Type.Object(
  { token: Type.String({ ...TOKEN, description: 'The token in the fragment of the link.' }) },
  { $id: 'ChatEmailVerification', examples: [{ token: 'C4m2Yb…' }] }
)
export type EmailVerification = Static<typeof EmailVerification>

/** Describes the body of `POST /api/auth/email`. */
export const EmailChallenge = Type.Object(
  {
    challenge: Type.String({ ...TOKEN, description: 'The `challenge` of the error `email_not_verified`.' }),
    email: Type.Optional(EmailAddress)
  },
  { $id: 'ChatEmailChallenge', examples: [{ challenge: 'u7Lk0z…', email: 'john@example.com' }] }
)
export type EmailChallenge = Static<typeof EmailChallenge>
