/** Defines the schemas of the routes that change a password. */
import { type Static, Type } from '@sinclair/typebox'
import { Password } from './users.ts'

/** Describes the body of `POST /api/users/me/password`. */
export const PasswordChange = Type.Object(
  { new: Password },
  { $id: 'ChatPasswordChange', examples: [{ new: 'OtherPass456' }] }
)
export type PasswordChange = Static<typeof PasswordChange>

/** Describes the body of `POST /api/auth/password/forgot`. */
export const ForgottenPassword = Type.Object(
  {
    email: Type.String({
      minLength: 3,
      maxLength: 254,
      pattern: '^[^@\\s]+@[^@\\s]+$',
      'x-rule': 'must be an e-mail address such as john@example.com',
      description: 'The confirmed e-mail address of the account, in any case.'
    })
  },
  { $id: 'ChatForgottenPassword', examples: [{ email: 'john@example.com' }] }
)
export type ForgottenPassword = Static<typeof ForgottenPassword>

/** Describes the body of `POST /api/auth/password/reset`. */
export const PasswordReset = Type.Object(
  {
    token: Type.String({ minLength: 1, maxLength: 100, description: 'The token in the fragment of the link.' }),
    password: Password
  },
  { $id: 'ChatPasswordReset', examples: [{ token: 'C4m2Yb…', password: 'OtherPass456' }] }
)
export type PasswordReset = Static<typeof PasswordReset>
