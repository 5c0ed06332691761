/** Separates the shared schemas (`$id`) of the service from those of a host application, which may have the same ids. */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'

interface Named {
  readonly $id: string
}

/**
 * Gives an instance and its children their own shared schemas, without those that the host adds before or after. If a host adds a
 * schema later, Fastify recreates the compilers of all children. `compilersFactory` makes it use the validator of the service and
 * not its default.
 */
export const separateSchemas = (fastify: FastifyInstance, validatorCompiler: FastifySchemaCompiler<object>): void => {
  const hosts = new Set(Object.values(fastify.getSchemas()))
  fastify.setSchemaController({
    compilersFactory: {
      // Cast, because Fastify declares it as a compiler of its own Ajv.
      buildValidator: (() => validatorCompiler) as never,
      buildSerializer: SerializerSelector()
    },
    bucket(inherited) {
      const schemas = new Map(Object.entries(inherited ?? {}).filter(([, schema]) => !hosts.has(schema)))
      return {
        add(schema: unknown) {
          // Fastify also passes the schemas that a host adds later. A schema of the service with the same id was added first.
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
