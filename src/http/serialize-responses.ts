/** Serializes what routes return before anything of a host application sees it. */
import type { FastifyReply, RouteOptions } from 'fastify'

/**
 * An onRoute hook: the route's handler returns JSON text in place of an object. A host's `preSerialization` hook (an envelope
 * around its own responses) or reply serializer would break the schemas that our clients rely on; Fastify runs neither for text.
 */
export const serializeResponses = (route: RouteOptions): void => {
  const { handler } = route
  route.handler = async function (request, reply) {
    const payload = await handler.call(this, request, reply)
    return isPlain(payload) ? toJson(payload, reply) : payload
  }
}

/** Neither text, bytes nor a stream. */
const isPlain = (payload: unknown): payload is object =>
  Array.isArray(payload) ||
  (typeof payload === 'object' && payload !== null && Object.getPrototypeOf(payload) === Object.prototype)

const toJson = (payload: object, reply: FastifyReply): string => {
  const serialize = reply.getSerializationFunction(String(reply.statusCode), 'application/json')
  reply.type('application/json; charset=utf-8')
  return serialize ? String(serialize(payload as Record<string, unknown>)) : JSON.stringify(payload)
}
