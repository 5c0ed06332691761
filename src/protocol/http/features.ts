/** Defines the schema of the features that the service offers to people who are not logged in. */
import { type Static, Type } from '@sinclair/typebox'

const Registration = Type.Unsafe<'open' | 'invite' | 'closed'>({ type: 'string', enum: ['open', 'invite', 'closed'] })

/** Describes the response of `GET /api/auth/features`. Pages use it to show only the features that are available. */
export const AuthFeatures = Type.Object(
  {
    registration: Registration,
    mail: Type.Boolean({
      description: 'Whether the service sends mails, for example with a link to set a new password.'
    }),
    verified_email: Type.Boolean({ description: 'Whether a login needs a verified e-mail address.' }),
    passkeys: Type.Boolean({ description: 'Whether users may log in with a passkey.' })
  },
  {
    $id: 'ChatAuthFeatures',
    examples: [{ registration: 'open', mail: true, verified_email: false, passkeys: true }]
  }
)
export type AuthFeatures = Static<typeof AuthFeatures>
