/**
 * Defines the parts of the OpenAPI document that all routes share: title, servers, authentication, and the form of responses.
 */
import { Type } from '@sinclair/typebox'
import { version } from '../lib/package.ts'
import { refTo } from './components.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { Problem } from './http/problems.ts'

const DESCRIPTION = `Register, log in, read the history and publish messages. Chat over the WebSocket at \`/ws/chat\`, which \`/asyncapi.json\` describes.

Every error is an RFC 9457 problem with a stable \`code\`; a 422 lists every violated rule. Fields are added over time, never changed or removed: ignore unknown fields. \`id\`, \`user_id\` and \`seq\` are integers, times are UTC as \`2026-01-31T12:00:00.123+00:00\`.

Log in, copy the \`access_token\`, press "Authorize" and paste it.`

/** The parts of the document that depend on the deployment. */
export interface OpenApiOptions {
  readonly publicUrl?: string | undefined
  /** An e-mail address or a URL. */
  readonly apiContact?: string | undefined
}

const contactOf = (contact: string) => (URL.canParse(contact) ? { url: contact } : { email: contact })

/** Returns the OpenAPI 3.1 document without its paths. */
export const openApiBase = ({ publicUrl, apiContact }: OpenApiOptions = {}) => ({
  openapi: '3.1.0' as const,
  info: {
    title: 'fastify-chat',
    version,
    description: DESCRIPTION,
    ...(apiContact ? { contact: contactOf(apiContact) } : {}),
    license: { name: 'MIT', identifier: 'MIT' }
  },
  servers: [{ url: publicUrl ?? '/', description: 'This service' }],
  tags: [
    { name: 'auth', description: 'Register and log in' },
    { name: 'users', description: 'The authenticated user' },
    { name: 'chat', description: 'Messages of the room `general`' },
    { name: 'rooms', description: 'Rooms and their logs' },
    { name: 'admin', description: 'Administration of users, and the audit log' },
    { name: 'service', description: 'The service itself' }
  ],
  components: {
    securitySchemes: {
      bearerAuth: {
        type: 'http' as const,
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'The `access_token` of a login.'
      }
    }
  }
})

/** Returns the name of a component: the `$id` of its schema, or `def-` and an index if the schema has no `$id`. */
export const schemaName = (schema: { $id?: unknown }, _uri: unknown, _fragment: string, at: number): string =>
  typeof schema.$id === 'string' ? schema.$id : `def-${at}`

/**
 * The errors that a body can cause. These errors also apply to a route that needs no body, because a client may send a body to
 * it.
 */
export const ANY_BODY = [
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type'
] as const satisfies readonly ErrorCode[]

/** The errors that the account routes with a body and a rate limit share. */
export const BODY_PROBLEMS = [
  ...ANY_BODY,
  'validation_failed',
  'rate_limited',
  'busy',
  'unavailable'
] as const satisfies readonly ErrorCode[]

/** The errors of every route that requires an authenticated user. */
export const TOKEN_PROBLEMS = [
  'missing_token',
  'invalid_token',
  'token_expired',
  'account_suspended',
  'account_deleted',
  'unavailable'
] as const satisfies readonly ErrorCode[]

/** The `security` of a route that requires an access token. */
export const SECURED = [{ bearerAuth: [] }]
/** The `security` of a route that requires no access token. */
export const PUBLIC: { [name: string]: string[] }[] = []

// `text` documents a response header whose value is text. `count` documents one whose value is an integer.
const text = (description: string) => ({ type: 'string', description })
const count = (description: string) => ({ type: 'integer', minimum: 0, description })

const REQUEST_ID = { 'x-request-id': text('The id of the request, as in the log and in a problem’s `instance`.') }
const RATE = {
  'x-ratelimit-limit': count('The maximum number of requests per minute; absent if there is no limit.'),
  'x-ratelimit-remaining': count('How many requests remain.'),
  'x-ratelimit-reset': count('Seconds until the limit resets.')
}
const RETRY_AFTER = { 'retry-after': count('Seconds to wait before trying again.') }
const CHALLENGE = { 'www-authenticate': text('The required scheme, `Bearer`, and the error (RFC 6750).') }

/** Maps a status to the additional headers of responses with this status. */
const HEADERS: Record<number, object> = { 401: CHALLENGE, 429: RETRY_AFTER, 503: RETRY_AFTER }

const advice = (codes: readonly ErrorCode[]): string =>
  codes.map(code => `\`${code}\`: ${ERRORS[code].title}. ${ERRORS[code].advice}`).join('\n\n')

/** Documents a successful response with a JSON body of the given schema. `isLimited` adds the headers of rate limits. */
export const jsonResponse = <T>(description: string, schema: T, { isLimited = false } = {}) => ({
  description,
  headers: { ...REQUEST_ID, ...(isLimited ? RATE : {}) },
  content: { 'application/json': { schema } }
})

/** Documents a successful response without a body. */
export const emptyResponse = (description: string) => ({ description, headers: REQUEST_ID, type: 'null' })

/** Documents the error responses of a route, keyed by status: the given codes, and the codes that every route may return. */
export const problems = (...codes: ErrorCode[]) => {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set<ErrorCode>(['bad_request', ...codes, 'internal_error'])) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, problemResponse(status, group)]))
}

/**
 * Replaces the error codes in the documented responses of a route. `codeHere` returns the new code, or `undefined` to omit a
 * code.
 */
export const mapProblems = (response: unknown, codeHere: (code: ErrorCode) => ErrorCode | undefined): object => {
  const all = Object.entries(response as Record<string, Documented>)
  const codes = all.flatMap(([, one]) => codesOf(one)).map(codeHere)
  const kept = codes.filter(code => code !== undefined)
  return { ...problems(...new Set(kept)), ...Object.fromEntries(all.filter(([, one]) => codesOf(one).length === 0)) }
}

/** A documented response in the form that `problems` creates. */
interface Documented {
  readonly content?: { readonly 'application/problem+json'?: { readonly examples: object } }
}

const codesOf = ({ content }: Documented): ErrorCode[] =>
  Object.keys(content?.['application/problem+json']?.examples ?? {}) as ErrorCode[]

const problemResponse = (status: number, codes: ErrorCode[]) => ({
  description: advice(codes),
  headers: { ...REQUEST_ID, ...HEADERS[status] },
  content: {
    'application/problem+json': {
      schema: refTo(Problem),
      examples: Object.fromEntries(codes.map(code => [code, { summary: ERRORS[code].title, value: exampleOf(code) }]))
    }
  }
})

const exampleOf = (code: ErrorCode): Problem => ({
  type: `urn:fastify-chat:problem:${code}`,
  title: ERRORS[code].title,
  status: ERRORS[code].status,
  detail: ERRORS[code].advice,
  instance: '3f1a6c1e-7d57-4f6e-9a2f-0d6a7c1b2e3f',
  code
})

/** Returns the schema of an array whose items refer to a component. */
export const listOf = <T extends Parameters<typeof refTo>[0]>(schema: T) => Type.Array(refTo(schema))
