/** Compiles the serializers of responses when they are first used. */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifySerializerCompiler } from 'fastify'

/**
 * Creates a serializer compiler for shared schemas. Compiling takes about 10 ms for each kind of response of a route. Most
 * kinds of responses are errors, which are sent as text and never need a serializer. So a serializer is compiled when a
 * response first needs it, and the service starts a second earlier.
 */
export const createSerializerCompiler = (schemas: Record<string, unknown>): FastifySerializerCompiler<unknown> => {
  const compile = SerializerSelector()(schemas) as FastifySerializerCompiler<unknown>
  return route => {
    let serialize: ReturnType<typeof compile> | undefined
    return data => {
      serialize ??= compile(route)
      return serialize(data)
    }
  }
}
