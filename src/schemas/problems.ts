/** The one shape of an HTTP error: RFC 9457 `application/problem+json`. */
import { type Static, Type } from '@sinclair/typebox'
import { ERRORS } from '../errors.ts'

/** A problem (RFC 9457). `code` is a stable word; `errors` lists every violated rule of a 422 at once. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URN made of the code.' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'A sentence that a person can act on.' }),
    instance: Type.String({ description: 'The request id, as in the x-request-id header and the log.' }),
    code: Type.Unsafe<string>({
      type: 'string',
      enum: Object.keys(ERRORS),
      description: 'A stable word to program against. Codes are added over time.'
    }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({
            description: 'A JSON Pointer (RFC 6901) into the request.',
            examples: ['/body/username']
          }),
          message: Type.String({
            description: 'The rule that is violated, as a sentence.',
            examples: ['Username is missing.']
          })
        }),
        { description: 'Every violated rule, of a 422.' }
      )
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
export type Problem = Static<typeof Problem>
