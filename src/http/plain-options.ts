import type { onRequestHookHandler } from 'fastify'

/**
 * An `onRequest` hook that responds to an OPTIONS request without an `Origin` header. Such a request is not a preflight, so
 * `@fastify/cors` would respond with a 404. Must be added before `@fastify/cors`.
 */
export const respondToPlainOptions: onRequestHookHandler = (request, reply, done) => {
  if (request.method === 'OPTIONS' && request.headers.origin === undefined) reply.code(204).send()
  else done()
}
