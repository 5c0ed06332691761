/** Defines the schemas of second factors: authenticator apps (TOTP), recovery codes and passkeys (WebAuthn). */
import { type Static, Type } from '@sinclair/typebox'
import { lineOf } from '../line.ts'
import { Timestamp } from '../timestamp.ts'
import { loginOptions } from './users.ts'

/** Describes a challenge: 32 random bytes in base64url. */
const Challenge = Type.String({
  minLength: 43,
  maxLength: 43,
  pattern: '^[\\w-]*$',
  'x-rule': 'must be a challenge that the service returned',
  description: 'The challenge that the service returned. It is valid for some minutes and works once.',
  examples: ['2C6n0fWkY1vR5uJqf8Hc3mT7xZpB9sLdE4gKaQwVyNo']
})

const Code = Type.String({
  minLength: 6,
  maxLength: 40,
  description: 'The six digits of an authenticator app, or a recovery code. Spaces, hyphens and case are ignored.',
  examples: ['492039', '7Q3K-9XJH-M2TD-0WPA']
})

const CODES = 'Ten codes, each for one login. They cannot be read again.'
const codesOf = (description: string) => Type.Array(Type.String({ examples: ['7Q3K-9XJH-M2TD-0WPA'] }), { description })

/** Describes the secret of a new authenticator app, as text and as the URI of a QR code. */
export const TotpSecret = Type.Object(
  {
    secret: Type.String({ description: 'The secret in base32, for apps that cannot scan a QR code.' }),
    uri: Type.String({ description: 'The `otpauth://` URI of the QR code.' })
  },
  {
    $id: 'ChatTotpSecret',
    examples: [{ secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/chat.example.com:john?secret=JBSWY3DPEHPK3PXP' }]
  }
)

/** Describes the first code of a new authenticator app. */
export const TotpCode = Type.Object({ code: Code }, { $id: 'ChatTotpCode', examples: [{ code: '492039' }] })

/** Describes new recovery codes. They replace all earlier codes of the user. */
export const RecoveryCodes = Type.Object(
  { recovery_codes: codesOf(CODES) },
  { $id: 'ChatRecoveryCodes', examples: [{ recovery_codes: ['7Q3K-9XJH-M2TD-0WPA'] }] }
)

/** Describes the second step of a login: a code of the authenticator app, or a recovery code. */
export const CodeLogin = Type.Object(
  { challenge: Challenge, code: Code },
  { $id: 'ChatCodeLogin', examples: [{ challenge: Challenge.examples[0], code: '492039' }] }
)

const PasskeyName = lineOf<string>('string', 50, {
  description: 'A name by which the user recognizes the passkey.'
})

const passkey = {
  id: Type.String({ description: 'Identifies the passkey in this API.' }),
  name: Type.String(),
  created_at: Timestamp
}
const examplePasskey = { id: 'nB2sR7wq0m3VtY8kLxZc4A', name: 'Laptop', created_at: '2026-01-31T12:00:00.123+00:00' }

/** Describes the second factors of a user. */
export const Factors = Type.Object(
  {
    totp: Type.Object({ is_enabled: Type.Boolean() }),
    recovery_codes: Type.Object({ left: Type.Integer({ minimum: 0 }) }),
    passkeys: Type.Object({
      is_available: Type.Boolean({ description: 'Whether the service supports passkeys.' }),
      items: Type.Array(
        Type.Object({
          ...passkey,
          last_used_at: Type.Union([Timestamp, Type.Null()]),
          is_usable: Type.Boolean({ description: 'False if the passkey was created for another host name.' })
        })
      )
    })
  },
  {
    $id: 'ChatFactors',
    examples: [
      {
        totp: { is_enabled: true },
        recovery_codes: { left: 9 },
        passkeys: { is_available: true, items: [{ ...examplePasskey, last_used_at: null, is_usable: true }] }
      }
    ]
  }
)
export type Factors = Static<typeof Factors>

/** Describes the options with which a page requests a passkey from the browser, and the challenge in these options. */
export const PasskeyRequest = Type.Object(
  {
    challenge: Challenge,
    options: Type.Unsafe<object>({
      type: 'object',
      additionalProperties: true,
      description:
        'Pass this to `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`, and the result to `navigator.credentials`.'
    })
  },
  {
    $id: 'ChatPasskeyRequest',
    examples: [{ challenge: Challenge.examples[0], options: { challenge: Challenge.examples[0] } }]
  }
)

const base64url = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[\\w-]*$', 'x-rule': 'must be base64url' })

const reply = {
  challenge: Challenge,
  response: Type.Object(
    {
      // 1,364 characters of base64url are 1,023 bytes, the maximum length of a credential id in WebAuthn.
      id: base64url(1364),
      rawId: base64url(1364),
      type: Type.Literal('public-key'),
      response: Type.Record(Type.String(), Type.Unknown()),
      clientExtensionResults: Type.Optional(Type.Unknown())
    },
    { description: 'The result of `toJSON()` of the credential.' }
  )
}
const exampleReply = {
  challenge: Challenge.examples[0],
  response: { id: 'AQID', rawId: 'AQID', type: 'public-key', response: { clientDataJSON: 'eyJ0eXBlIjoi…' } }
}

/** Describes the body of `POST /api/auth/passkeys`. */
export const NewPasskey = Type.Object(
  { ...reply, name: PasskeyName },
  { $id: 'ChatNewPasskey', examples: [{ ...exampleReply, name: 'Laptop' }] }
)

/** Describes the response of `POST /api/auth/passkeys`. */
export const AddedPasskey = Type.Object(
  {
    ...passkey,
    recovery_codes: Type.Optional(codesOf(`${CODES} Absent if the user already had recovery codes.`))
  },
  { $id: 'ChatAddedPasskey', examples: [examplePasskey] }
)

/** Describes the body of the request that starts a login with a passkey. */
export const PasskeyLoginStart = Type.Object(
  { challenge: Type.Optional(Challenge) },
  { $id: 'ChatPasskeyLoginStart', examples: [{ challenge: Challenge.examples[0] }, {}] }
)

/**
 * Describes a login with a passkey. If the login began with a password, the options that were sent with the password apply, and
 * the options in this body are ignored.
 */
export const PasskeyLogin = Type.Object(
  {
    ...reply,
    ...loginOptions
  },
  { $id: 'ChatPasskeyLogin', examples: [exampleReply] }
)

/** Describes the body of `POST /api/auth/passkeys/proof`. */
export const PasskeyProof = Type.Object(reply, { $id: 'ChatPasskeyProof', examples: [exampleReply] })
