/** Converts errors to problems (RFC 9457), including errors from hooks and plugins of a host application. */
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { ErrorObject } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import { timestamp } from '../lib/clock.ts'
import { errorStatus, statusOf } from '../lib/error-status.ts'
import { ChatError, ERRORS, type ErrorCode, type Violation } from '../protocol/errors.ts'
import type { Problem } from '../protocol/http/problems.ts'
import { sentencesOf, violations } from '../protocol/validation.ts'

/** The response to an error. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly urn: string
  readonly title: string
  readonly detail: string
  readonly errors?: readonly Violation[] | undefined
  /** Additional members of the problem document. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined
  readonly headers: Readonly<Record<string, string | string[]>>
}

export interface RefusalContext {
  /** The reply's current status. If it is not 4xx or 5xx, the status of the error is used. */
  readonly replyStatus: number
  readonly isUnavailable: (error: unknown) => boolean
}

/** A value that Fastify, a plugin or a host may throw. It need not be an Error. */
interface Thrown {
  readonly code?: unknown
  readonly message?: unknown
  readonly headers?: unknown
  readonly expose?: unknown
}

/** Maps Fastify's names of the parts of a request to the paths in a problem. */
const PARTS: Readonly<Record<string, string>> = {
  body: '/body',
  querystring: '/query',
  params: '/params',
  headers: '/headers'
}

const INVALID_JSON = new Set(['FST_ERR_CTP_INVALID_JSON_BODY', 'FST_ERR_CTP_EMPTY_JSON_BODY'])

/**
 * Maps the status of an error that is not a ChatError to a code of the catalog. For any other status, the code is `http_`
 * followed by the status. The exception is an error from Fastify with a status below 500: its code is `bad_request`.
 */
const CODES: Partial<Record<number, ErrorCode>> = {
  400: 'bad_request',
  401: 'not_logged_in',
  403: 'not_allowed',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  417: 'bad_request',
  426: 'upgrade_required',
  429: 'rate_limited',
  500: 'internal_error',
  503: 'unavailable'
}

/**
 * Maps a status to the detail of the problem. The detail replaces a message of Fastify, because the message may quote the
 * request. It also replaces any message that may reveal internals.
 */
const DETAILS: Partial<Record<number, string>> = {
  400: 'The request is malformed.',
  404: 'No resource exists at this path. Check the URL.',
  413: 'The request is too large. Send less.',
  415: 'The type of the body is not supported. Send the body as application/json.',
  503: 'The service cannot respond right now. Try again in a moment.'
}
const FAILURE = 'The service failed. Try again, and report the `instance` of this problem if it happens again.'

/**
 * Thrown by Fastify for a request that does not match the schema of its route. It is a class of its own, because errors of a host
 * may have a `validation` too. Fastify sets properties on the error, such as `statusCode`, so it cannot be a ChatError.
 */
class InvalidRequest extends Error {
  readonly problem: ChatError

  constructor(problem: ChatError) {
    super(problem.detail)
    this.name = 'InvalidRequest'
    this.problem = problem
  }
}

/** Creates the error for a request that does not match the schema of its route, from Ajv's errors. */
export const invalidRequest = (broken: readonly FastifySchemaValidationError[], part: string): Error => {
  const errors = violations(broken as ErrorObject[], PARTS[part] ?? '')
  return new InvalidRequest(
    new ChatError('validation_failed', `The request is not valid. ${sentencesOf(errors)}`, { errors })
  )
}

/**
 * Returns the response to an error. An error from a host keeps its status and headers. It also keeps its message if the status
 * is below 500 and `expose` is not false.
 */
export const refusalOf = (error: unknown, { replyStatus, isUnavailable }: RefusalContext): Refusal => {
  if (error instanceof ChatError) return ofChatError(error)
  if (error instanceof InvalidRequest) return ofChatError(error.problem)
  const thrown: Thrown = typeof error === 'object' && error !== null ? error : {}
  if (typeof thrown.code === 'string' && INVALID_JSON.has(thrown.code)) {
    return ofChatError(new ChatError('invalid_json', 'The body is empty or is not valid JSON. Send valid JSON.'))
  }
  const status = statusOf(replyStatus) ?? errorStatus(error)
  if (status === undefined && isUnavailable(error)) {
    return ofChatError(new ChatError('unavailable', DETAILS[503] ?? '', { retryAfterMs: 2000 }))
  }
  return ofForeign(status ?? 500, thrown)
}

/** Returns the body of a problem response. */
export const problemOf = ({ status, code, urn, title, detail, errors, extra }: Refusal, instance: string): Problem => ({
  ...extra,
  type: `urn:fastify-chat:problem:${urn}`,
  title,
  status,
  detail,
  instance,
  code,
  ...(errors ? { errors: errors.map(({ path, message }) => ({ path, message })) } : {})
})

// RFC 6750, 3.1: the challenge has `error="invalid_token"` for every invalid token, and no `error` if the token is missing.
const CHALLENGES: Partial<Record<string, string>> = {
  invalid_token: 'Bearer error="invalid_token"',
  token_expired: 'Bearer error="invalid_token", error_description="expired"'
}

/** Returns the response to an error of the catalog. */
export const ofChatError = ({
  code,
  word,
  detail,
  errors,
  extra,
  retryAfterMs,
  until,
  statusCode
}: ChatError): Refusal => ({
  status: statusCode,
  code: word,
  urn: code,
  title: ERRORS[code].title,
  detail,
  errors,
  extra: until === undefined ? extra : { ...extra, until: timestamp(until) },
  headers: {
    ...(statusCode === 401 ? { 'www-authenticate': CHALLENGES[code] ?? 'Bearer' } : {}),
    ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) })
  }
})

const ofForeign = (status: number, { code, message, headers, expose }: Thrown): Refusal => {
  const known = CODES[status]
  const isFramework = typeof code === 'string' && code.startsWith('FST_ERR_')
  // An error of Fastify must have a code of the catalog. For example, Fastify throws a 414 if a parameter in the path is too
  // long. The code of this error must not be `http_414`, so it is `bad_request`.
  if (isFramework && !known && status < 500) return ofChatError(new ChatError('bad_request', DETAILS[400] ?? ''))
  // `http-errors` sets `expose` to false if clients must not see the message.
  const isShown = status < 500 && !isFramework && expose !== false
  const own = isShown && typeof message === 'string' ? message.trim() : ''
  const title = known ? ERRORS[known].title : (STATUS_CODES[status] ?? 'Error')
  const word = known ?? `http_${status}`
  return {
    status,
    code: word,
    urn: word,
    title,
    detail: own || (DETAILS[status] ?? (status < 500 ? `${title}.` : FAILURE)),
    headers: { ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}), ...headersOf(headers) }
  }
}

const isSendable = (name: string, value: string | string[]): boolean => {
  try {
    validateHeaderName(name)
    for (const one of [value].flat()) validateHeaderValue(name, one)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the headers that `http-errors` attached to an error. Omits headers that cannot be sent, and headers that describe the
 * connection or the body, because the problem replaces the body.
 */
const headersOf = (headers: unknown): Record<string, string | string[]> =>
  typeof headers === 'object' && headers !== null
    ? Object.fromEntries(
        Object.entries(headers)
          .map(
            ([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.map(String) : String(value)] as const
          )
          .filter(
            ([name, value]) => !/^(content-|transfer-encoding$|connection$)/.test(name) && isSendable(name, value)
          )
      )
    : {}
