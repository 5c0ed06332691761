/** Serializes responses before a hook of a host application can change them. */
import type { FastifyReply, RouteOptions } from 'fastify'

/**
 * Makes a route's handler return JSON text instead of an object; an onRoute hook. A host's `preSerialization` hook (for example
 * an envelope around its own responses) or reply serializer would break our schemas. Fastify runs neither for text.
 */
export const serializeResponses = (route: RouteOptions): void => {
  const { handler } = route
  route.handler = async function (request, reply) {
    const payload = await handler.call(this, request, reply)
    return isPlain(payload) ? toJson(payload, reply) : payload
  }
}

/** Returns whether a payload is to be serialized: it is neither text, bytes nor a stream. */
const isPlain = (payload: unknown): payload is object =>
  Array.isArray(payload) ||
  (typeof payload === 'object' && payload !== null && Object.getPrototypeOf(payload) === Object.prototype)

const toJson = (payload: object, reply: FastifyReply): string => {
  const serialize = reply.getSerializationFunction(String(reply.statusCode), 'application/json')
  reply.type('application/json; charset=utf-8')
  return serialize ? String(serialize(payload as Record<string, unknown>)) : JSON.stringify(payload)
}
