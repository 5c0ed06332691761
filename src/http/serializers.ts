/** Compiles the serializers of responses when they are first used. */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifySerializerCompiler } from 'fastify'

/**
 * Creates a serializer compiler for these shared schemas. Compiling takes about 10 ms per response of a route, and most
 * responses are errors, which are sent as text and never need their serializer. So a serializer is compiled when its response
 * is first sent, and the service starts a second earlier.
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
