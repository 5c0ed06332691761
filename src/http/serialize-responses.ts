/** Serializes responses before the hooks of a host application run. */
import type { FastifyReply, RouteOptions } from 'fastify'
import { whenKnown } from '../lib/when-known.ts'

/**
 * Makes the handler of a route return JSON text instead of an object. Used as an `onRoute` hook. Fastify does not pass text to a
 * host's `preSerialization` hook or to its `setReplySerializer`. Both could change an object so that the response violates its
 * schema, for example by wrapping the object in an envelope.
 */
export const serializeResponses = (route: RouteOptions): void => {
  const { handler } = route
  route.handler = function (request, reply) {
    return whenKnown(handler.call(this, request, reply), payload =>
      isPlain(payload) ? toJson(payload, reply) : payload
    )
  }
}

/** Returns whether a payload must be serialized: it is an array or a plain object. */
const isPlain = (payload: unknown): payload is object =>
  Array.isArray(payload) ||
  (typeof payload === 'object' && payload !== null && Object.getPrototypeOf(payload) === Object.prototype)

const toJson = (payload: object, reply: FastifyReply): string => {
  const serialize = reply.getSerializationFunction(String(reply.statusCode), 'application/json')
  reply.type('application/json; charset=utf-8')
  return serialize ? String(serialize(payload as Record<string, unknown>)) : JSON.stringify(payload)
}
