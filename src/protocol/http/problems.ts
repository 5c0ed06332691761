/** Defines HTTP errors: RFC 9457 `application/problem+json`. */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { CODE_PATTERN, ERRORS } from '../errors.ts'

const problemOf = <Code extends TSchema>(code: Code) =>
  Type.Object(
    {
      type: Type.String({ description: 'A URN that contains the code.' }),
      title: Type.String(),
      status: Type.Integer({ minimum: 400, maximum: 599 }),
      detail: Type.String({ description: 'What happened, and what to do.' }),
      instance: Type.String({ description: 'The request id, as in the x-request-id header and the log.' }),
      code,
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            path: Type.String({
              description: 'A JSON Pointer (RFC 6901) into the request.',
              examples: ['/body/username']
            }),
            message: Type.String({
              description: 'The violated rule, as a sentence.',
              examples: ['Username is missing.']
            })
          }),
          { description: 'Every violated rule of a 422.' }
        )
      ),
      until: Type.Optional(
        Type.String({
          format: 'date-time',
          description: 'When a mute or a ban ends. Absent if it does not end by itself.'
        })
      ),
      challenge: Type.Optional(
        Type.String({ description: 'Continues a login that was interrupted, for example for a second factor.' })
      ),
      methods: Type.Optional(
        Type.Array(Type.String(), {
          description: 'The second factors with which a login can continue: `totp`, `recovery_code` and `passkey`.'
        })
      )
    },
    {
      $id: 'ChatProblem',
      examples: [
        {
          type: 'urn:fastify-chat:problem:username_taken',
          title: 'Username taken',
          status: 409,
          detail: 'The username "john" is taken. Choose another one.',
          instance: '3f1a6c1e-7d57-4f6e-9a2f-0d6a7c1b2e3f',
          code: 'username_taken'
        }
      ]
    }
  )

const codes = Object.keys(ERRORS)
const CODE = 'A stable, machine-readable code. Codes are added over time.'

/**
 * Describes a problem (RFC 9457) with a stable `code`; `errors` lists every violated rule if the code is `validation_failed`.
 */
export const Problem = problemOf(Type.Unsafe<string>({ type: 'string', enum: codes, description: CODE }))

/**
 * Like `Problem`, for a chat that is embedded in a host application: `code` may also be a code that the host's `beforeMessage`,
 * hooks or plugins define.
 */
export const EmbeddedProblem = problemOf(
  Type.String({
    pattern: CODE_PATTERN,
    'x-rule': 'must be a code such as `room_not_found`',
    description: `${CODE} One of ${codes.map(code => `\`${code}\``).join(', ')}, a code of the application itself, or \`http_\` and the status.`
  })
)
export type Problem = Static<typeof Problem>
