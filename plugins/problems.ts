/** Configures validation, serialization and error responses (problems, RFC 9457) for all routes of the chat. */

import type { FastifyBodyParser, FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify'
import fp from 'fastify-plugin'
import { isUnavailable } from '../src/db/client/errors.ts'
import { invalidRequest, problemOf, refusalOf } from '../src/http/problems.ts'
import { createSerializerCompiler } from '../src/http/serializers.ts'
import { clientAddress } from '../src/lib/client-address.ts'
import { brokenBound } from '../src/lib/json-bounds.ts'
import { safePath } from '../src/lib/logging.ts'
import { requestLogOf } from '../src/lib/repeated-log.ts'
import { components } from '../src/protocol/components.ts'
import { ChatError, type ErrorCode } from '../src/protocol/errors.ts'
import { EmbeddedProblem, Problem } from '../src/protocol/http/problems.ts'
import { compile, compileCoercing } from '../src/protocol/validation.ts'
import { sendRequestId } from './headers.ts'
import { metricsOf } from './metrics.ts'

/**
 * Compiles the validators of requests. The validators convert path parameters, query parameters and headers to the types in the
 * schema, but do not convert bodies.
 */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
  httpPart === 'body' ? compile(schema) : compileCoercing(schema)

export interface ChatProblemsOptions {
  /** Whether the schema of problems allows only the error codes of the catalog. By default a host application may add codes. */
  readonly hasOwnCodesOnly?: boolean
}

/**
 * Affects only the scope in which this plugin is registered, so that a host application keeps its own validator and error
 * handler.
 */
export default fp(
  async function chatProblems(fastify: FastifyInstance, { hasOwnCodesOnly = false }: ChatProblemsOptions) {
    for (const schema of components)
      fastify.addSchema(schema === Problem && !hasOwnCodesOnly ? EmbeddedProblem : schema)
    fastify.setValidatorCompiler(validatorCompiler)
    fastify.setSchemaErrorFormatter(invalidRequest)
    // In this scope, replaces the host's serializer and body parsers. Also removes Fastify's body parser for plain text.
    fastify.setSerializerCompiler(createSerializerCompiler(fastify.getSchemas()))
    fastify.removeAllContentTypeParsers()
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, boundedJsonParser(fastify))
    fastify.setErrorHandler(sendProblem)
  },
  { name: 'chat-problems', fastify: '5.x' }
)

/**
 * The methods that accept an empty body with `Content-Type: application/json`. Some clients send this header with every
 * request.
 */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['PUT', 'DELETE'])

/**
 * Returns a JSON parser that first checks the cost of parsing the body, and then calls the parser of Fastify. An empty body of a
 * PUT or DELETE request counts as no body.
 */
const boundedJsonParser = (fastify: FastifyInstance): FastifyBodyParser<string> => {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    if (body === '' && MAY_BE_EMPTY.has(request.method)) return done(null, undefined)
    const rule = brokenBound(body)
    if (!rule) return parse(request, body, done)
    const errors = [{ path: '/body', message: `The body ${rule}.` }]
    done(new ChatError('validation_failed', `The request is not valid. The body ${rule}.`, { errors }))
  }
}

/**
 * The error codes of limits. An error with one of these codes is not a failure of the service. It is logged as a warning,
 * because an operator may have to change the limit.
 */
const LIMITS: ReadonlySet<string> = new Set<ErrorCode>([
  'rate_limited',
  'busy',
  'payload_too_large',
  'message_too_long'
])

/**
 * The error code for an entry that the service accepts only after an operator has finished the upgrade. A rejection is logged
 * as a warning and not as an error, because it is expected during an upgrade.
 */
const UPGRADE_PENDING: ErrorCode = 'upgrade_pending'

/**
 * Sends an error as a problem. Used as an error handler. An error with a status of 500 or more is logged, and the problem does
 * not reveal the cause. The problem is passed to Fastify as a string, so that a host's `preSerialization` hook or serializer
 * cannot change it.
 */
export const sendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const refusal = refusalOf(error, { replyStatus: reply.statusCode, isUnavailable })
  const { code, status } = refusal
  const log = requestLogOf(request)
  if (LIMITS.has(code)) metricsOf(request.server).count('rejections_total', 1, { limit: code })
  if (LIMITS.has(code)) log.warn({ code, address: clientAddress(request) }, 'a limit rejected a request')
  else if (code === UPGRADE_PENDING) log.warn({ code }, 'an entry was refused because the upgrade is not finished')
  else if (status >= 500) log.error({ err: error }, 'the request failed')
  sendRequestId(request, reply)
  for (const [name, value] of Object.entries(refusal.headers)) if (!reply.hasHeader(name)) reply.header(name, value)
  return reply
    .header('cache-control', 'no-store')
    .headers(code === 'upgrade_required' ? upgradeOffer(request, reply) : {})
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(refusal, request.id)))
}

/**
 * Returns the headers that a response with the status 426 must have (RFC 9110, 15.5.22; RFC 6455, 4.4). Returns no headers for
 * HTTP/2, which does not allow them.
 */
const upgradeOffer = ({ raw }: FastifyRequest, reply: FastifyReply): Record<string, string> =>
  raw.httpVersionMajor > 1
    ? {}
    : {
        upgrade: 'websocket',
        connection: reply.raw.shouldKeepAlive ? 'upgrade' : 'upgrade, close',
        'sec-websocket-version': '13'
      }

/** Sends a 404 as a problem. Used as a not-found handler. The problem does not contain the query, which may contain a token. */
export const sendNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const { method } = request
  const detail = `There is no ${method} ${safePath(request.url).slice(0, 200)}. See /docs for the available routes.`
  return sendProblem(new ChatError('not_found', detail), request, reply)
}
