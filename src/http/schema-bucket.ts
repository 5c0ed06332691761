/** Shared schemas (`$id`) of the service's own scope, apart from those of a host application: both may have a "ChatUser". */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'

interface Named {
  readonly $id: string
}

/**
 * Gives an instance, and its children, shared schemas of their own; the host's are not inherited, neither earlier nor later ones. When a
 * host adds one later, Fastify makes the compilers of all children again: with ours, and not with its default.
 */
export const separateSchemas = (fastify: FastifyInstance, validatorCompiler: FastifySchemaCompiler<object>): void => {
  const hosts = new Set(Object.values(fastify.getSchemas()))
  fastify.setSchemaController({
    compilersFactory: {
      // Fastify types it as its own Ajv's.
      buildValidator: (() => validatorCompiler) as never,
      buildSerializer: SerializerSelector()
    },
    bucket(inherited) {
      const schemas = new Map(Object.entries(inherited ?? {}).filter(([, schema]) => !hosts.has(schema)))
      return {
        add(schema: unknown) {
          // Fastify passes what a host adds later down to us; ours came first.
          const { $id } = schema as Named
          if (!schemas.has($id)) schemas.set($id, schema)
          return fastify
        },
        getSchema: (id: string) => schemas.get(id),
        getSchemas: () => Object.fromEntries(schemas)
      }
    }
  })
}
