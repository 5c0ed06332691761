/** Bad input and failures over HTTP: one validator, one error handler, one shape (RFC 9457), one id, for all of our routes. */

import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaCompiler,
  FastifySerializerCompiler
} from 'fastify'
import fp from 'fastify-plugin'
import { isUnavailable } from '../src/db/client/errors.ts'
import { ChatError, ERRORS, type ErrorCode } from '../src/errors.ts'
import { clientAddress } from '../src/http/client-address.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { safePath } from '../src/logging.ts'
import { components } from '../src/schemas/index.ts'
import type { Problem } from '../src/schemas/problems.ts'
import { compile, compileCoercing, violations } from '../src/validation.ts'

/** Names the parts of a request as their paths in a problem do. */
const PARTS: Record<string, string> = { body: '/body', querystring: '/query', params: '/params', headers: '/headers' }

/** Registered in the service's own scope: a host's validator and error handler stay its own. */
export default fp(
  async function chatProblems(fastify: FastifyInstance) {
    for (const schema of components) fastify.addSchema(schema)
    const compiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
      httpPart === 'body' ? compile(schema) : compileCoercing(schema)
    fastify.setValidatorCompiler(compiler)
    // A host may serialize and parse in a way of its own; and Fastify itself takes plain text for a body.
    fastify.setSerializerCompiler(serializerOf(fastify))
    fastify.removeAllContentTypeParsers()
    fastify.addContentTypeParser(
      'application/json',
      { parseAs: 'string' },
      fastify.getDefaultJsonParser('error', 'error')
    )
    fastify.setErrorHandler(sendProblem)
    fastify.addHook('onRequest', async (request, reply) => nameRequest(request, reply))
  },
  { name: 'chat-problems', fastify: '5.x' }
)

const serializerOf = (fastify: FastifyInstance): FastifySerializerCompiler<unknown> =>
  SerializerSelector()(fastify.getSchemas()) as FastifySerializerCompiler<unknown>
/** Tells the caller the request's id, as it stands in the log; a host that does so already has the say. */
const nameRequest = ({ id }: FastifyRequest, reply: FastifyReply): void => {
  if (!reply.hasHeader('x-request-id')) reply.header('x-request-id', id)
}

/** Refusals by a limit, which an operator wants to see and which are nobody's failure. */
const LIMITS: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'busy', 'payload_too_large', 'message_too_long'])

/** An error handler: answers any error as a problem. What is not the client's doing is logged, and says nothing. */
export const sendProblem = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const known = toChatError(error)
  const log = withoutRepeats(request.server.server, request.log)
  if (LIMITS.has(known.code))
    log.warn({ code: known.code, address: clientAddress(request) }, 'a request was refused by a limit')
  else if (known.statusCode >= 500) log.error({ err: error }, 'the request failed')
  nameRequest(request, reply)
  return reply
    .header('cache-control', 'no-store')
    .headers(headersOf(known))
    .code(known.statusCode)
    .type('application/problem+json')
    .send(problemOf(known, request.id))
}

/** A not-found handler: answers with a problem that doesn't repeat the query. */
export const sendNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const { method } = request
  const detail = `There is no ${method} ${safePath(request.url).slice(0, 200)}. See /docs for what there is.`
  return sendProblem(new ChatError('not_found', detail) as unknown as FastifyError, request, reply)
}

/** The problem (RFC 9457) for an error of the catalogue. */
export const problemOf = ({ code, word, detail, errors }: ChatError, instance: string): Problem => ({
  type: `urn:fastify-chat:problem:${code}`,
  title: ERRORS[code].title,
  status: ERRORS[code].status,
  detail,
  instance,
  code: word,
  ...(errors ? { errors: errors.map(({ path, message }) => ({ path, message })) } : {})
})

// RFC 6750, 3.1: a bad token is `invalid_token`, whatever is bad about it; no token has no error.
const CHALLENGES: Partial<Record<ErrorCode, string>> = {
  invalid_token: 'Bearer error="invalid_token"',
  token_expired: 'Bearer error="invalid_token", error_description="expired"'
}

const headersOf = ({ statusCode, retryAfterMs, code }: ChatError): Record<string, string> => ({
  ...(statusCode === 401 ? { 'www-authenticate': CHALLENGES[code] ?? 'Bearer' } : {}),
  ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) })
})

const BY_STATUS: Partial<Record<number, readonly [ErrorCode, string]>> = {
  404: ['not_found', 'There is nothing here.'],
  413: ['payload_too_large', 'The request is too large. Send less.'],
  415: ['unsupported_media_type', 'Send the body as application/json.'],
  // A host's own limiter.
  429: ['rate_limited', 'Too many requests. Try again later.']
}

const JSON_ERRORS = new Set(['FST_ERR_CTP_INVALID_JSON_BODY', 'FST_ERR_CTP_EMPTY_JSON_BODY'])

const toChatError = (error: FastifyError | ChatError): ChatError => {
  if (error instanceof ChatError) return error
  if (error.validation) return validationError(error)
  if (JSON_ERRORS.has(error.code) || error instanceof SyntaxError) {
    return new ChatError('invalid_json', 'The body is not valid JSON.')
  }
  const [code, detail] = BY_STATUS[error.statusCode ?? 500] ?? []
  if (code && detail) return new ChatError(code, detail)
  if (error.statusCode && error.statusCode < 500) return new ChatError('bad_request', 'The request is malformed.')
  if (isUnavailable(error)) {
    return new ChatError('unavailable', 'The service cannot answer right now. Try again in a moment.', {
      retryAfterMs: 2000
    })
  }
  return new ChatError('internal_error', 'Something went wrong on our side. Report the instance if it persists.')
}

const validationError = ({ validation = [], validationContext }: FastifyError): ChatError => {
  // Our validator is Ajv, whose errors Fastify passes on under its own, narrower type.
  const errors = violations(validation as Parameters<typeof violations>[0], PARTS[validationContext ?? ''] ?? '')
  const told = errors.map(({ path, message }) => `${path.split('/').at(-1)} ${message}`).join('; ')
  return new ChatError('validation_failed', `The request is not valid: ${told}.`, { errors })
}
