/** Bad input and failures over HTTP: one validator, one error handler, one shape (RFC 9457), one id, for all of our routes. */

import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type {
  FastifyBodyParser,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaCompiler,
  FastifySerializerCompiler
} from 'fastify'
import fp from 'fastify-plugin'
import { isUnavailable } from '../src/db/client/errors.ts'
import { problemOf, refusalOf } from '../src/http/problems.ts'
import { clientAddress } from '../src/lib/client-address.ts'
import { brokenBound } from '../src/lib/json-bounds.ts'
import { safePath } from '../src/lib/logging.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { components } from '../src/protocol/components.ts'
import { ChatError, type ErrorCode } from '../src/protocol/errors.ts'
import { EmbeddedProblem, Problem } from '../src/protocol/http/problems.ts'
import { compile, compileCoercing } from '../src/protocol/validation.ts'

/** The one validator: what comes as text (parameters, headers) is converted to its type, a body is not. */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
  httpPart === 'body' ? compile(schema) : compileCoercing(schema)

/** Options of the problems plugin. */
export interface ChatProblemsOptions {
  /** Whether every error code is one of the catalog, as in the service itself. By default a host application may add some. */
  readonly hasOwnCodesOnly?: boolean
}

/** Registered in the service's own scope: a host's validator and error handler stay its own. */
export default fp(
  async function chatProblems(fastify: FastifyInstance, { hasOwnCodesOnly = false }: ChatProblemsOptions) {
    for (const schema of components)
      fastify.addSchema(schema === Problem && !hasOwnCodesOnly ? EmbeddedProblem : schema)
    fastify.setValidatorCompiler(validatorCompiler)
    // A host may serialize and parse in a way of its own; and Fastify itself takes plain text for a body.
    fastify.setSerializerCompiler(serializerOf(fastify))
    fastify.removeAllContentTypeParsers()
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, boundedJsonParser(fastify))
    fastify.setErrorHandler(sendProblem)
    fastify.addHook('onRequest', async (request, reply) => nameRequest(request, reply))
  },
  { name: 'chat-problems', fastify: '5.x' }
)

/** Returns Fastify's own parser of JSON, after a check of what the body costs to parse. */
const boundedJsonParser = (fastify: FastifyInstance): FastifyBodyParser<string> => {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    const rule = brokenBound(body)
    if (!rule) return parse(request, body, done)
    const errors = [{ path: '/body', message: `The body ${rule}.` }]
    done(new ChatError('validation_failed', `The request is not valid. The body ${rule}.`, { errors }))
  }
}

const serializerOf = (fastify: FastifyInstance): FastifySerializerCompiler<unknown> =>
  SerializerSelector()(fastify.getSchemas()) as FastifySerializerCompiler<unknown>
/** Tells the caller the request's id, as it stands in the log; a host that does so already has the say. */
const nameRequest = ({ id }: FastifyRequest, reply: FastifyReply): void => {
  if (!reply.hasHeader('x-request-id')) reply.header('x-request-id', id)
}

/** Refusals by a limit, which an operator wants to see and which are nobody's failure. */
const LIMITS: ReadonlySet<string> = new Set<ErrorCode>([
  'rate_limited',
  'busy',
  'payload_too_large',
  'message_too_long'
])

/**
 * An error handler: sends any error as a problem. A failure is logged, and its problem shows no cause. The problem is sent as
 * text, since a host's `preSerialization` hook or serializer for its own responses must not change it.
 */
export const sendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const refusal = refusalOf(error, { replyStatus: reply.statusCode, isUnavailable })
  const { code, status } = refusal
  const log = withoutRepeats(request.server.server, request.log)
  if (LIMITS.has(code)) log.warn({ code, address: clientAddress(request) }, 'a request was refused by a limit')
  else if (status >= 500) log.error({ err: error }, 'the request failed')
  nameRequest(request, reply)
  for (const [name, value] of Object.entries(refusal.headers)) if (!reply.hasHeader(name)) reply.header(name, value)
  return reply
    .header('cache-control', 'no-store')
    .headers(code === 'upgrade_required' ? upgradeOffer(request, reply) : {})
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(refusal, request.id)))
}

/** Returns what a 426 must name (RFC 9110, 15.5.22; RFC 6455, 4.4). HTTP/2 has no such headers. */
const upgradeOffer = ({ raw }: FastifyRequest, reply: FastifyReply): Record<string, string> =>
  raw.httpVersionMajor > 1
    ? {}
    : {
        upgrade: 'websocket',
        connection: reply.raw.shouldKeepAlive ? 'upgrade' : 'upgrade, close',
        'sec-websocket-version': '13'
      }

/** A not-found handler: answers with a problem that doesn't repeat the query. */
export const sendNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const { method } = request
  const detail = `There is no ${method} ${safePath(request.url).slice(0, 200)}. See /docs for what there is.`
  return sendProblem(new ChatError('not_found', detail), request, reply)
}
