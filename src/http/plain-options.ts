import type { onRequestHookHandler } from 'fastify'

/**
 * Responds to an OPTIONS request without an `Origin` header. Such a request is not a preflight, so `@fastify/cors` would respond
 * with a 404. Used as an `onRequest` hook, which must be added before `@fastify/cors`.
 */
export const respondToPlainOptions: onRequestHookHandler = (request, reply, done) => {
  if (request.method === 'OPTIONS' && request.headers.origin === undefined) reply.code(204).send()
  else done()
}
