/**
 * Sets headers on all responses: the request id, `Cache-Control`, and security headers, which restrict what a browser may do
 * with a response.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { DATA_HEADERS, DOCUMENT_HEADERS, HSTS } from '../src/http/security-headers.ts'

export interface ChatHeadersOptions {
  /** True if the whole server belongs to the chat. If true, responses have HSTS, which affects the whole domain. */
  readonly isWhole?: boolean
}

/**
 * Adds hooks that set the headers. The hooks may replace the `Cache-Control` header of a host application, but keep all other
 * headers that the host has set. If the host has registered `@fastify/helmet`, the hooks set no security headers.
 */
export default fp(
  async function chatHeaders(fastify: FastifyInstance, { isWhole = false }: ChatHeadersOptions) {
    const hasHelmet = fastify.hasPlugin('@fastify/helmet')
    const forData = hasHelmet ? [] : Object.entries({ ...DATA_HEADERS, ...(isWhole ? HSTS : {}) })
    const forDocuments = hasHelmet ? [] : [...forData, ...Object.entries(DOCUMENT_HEADERS)]

    fastify.addHook('onRequest', (request, reply, done) => {
      sendRequestId(request, reply)
      done()
    })
    // A response for one user must not be stored (RFC 9111, 5.2.2.5). This hook runs after the hooks of the host, so it
    // overrides a header that would allow storing.
    fastify.addHook('onSend', (request, reply, payload, done) => {
      if (reply.statusCode >= 400 || !request.routeOptions.config.chatMayBeStored)
        reply.header('cache-control', 'no-store')
      for (const [name, value] of isJson(reply) ? forData : forDocuments) {
        if (!reply.hasHeader(name)) reply.header(name, value)
      }
      done(null, payload)
    })
  },
  { name: 'chat-headers', fastify: '5.x' }
)

/** Sets the header `X-Request-Id` to the id that the request has in the log, unless the host has already set this header. */
export const sendRequestId = ({ id }: FastifyRequest, reply: FastifyReply): void => {
  if (!reply.hasHeader('x-request-id')) reply.header('x-request-id', id)
}

const isJson = (reply: FastifyReply): boolean =>
  /^application\/(problem\+)?json\b/.test(String(reply.getHeader('content-type')))
